"""Uploads that somebody wants to begin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload that an account wants to begin, and the id of the video that it may become.

    `length` in bytes, None while it is unknown; `expires_at` in seconds since 1970. `metadata` has
    `channel`, `filename`, `title` and `replaces`, a video's id, as the client named them. A
    `partial` one becomes no video by itself.
    """

    id: str
    account_id: int
    metadata: Mapping[str, str]
    length: int | None
    expires_at: float | None
    video_id: str
    partial: bool = False
