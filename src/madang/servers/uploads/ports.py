"""What the server of uploads asks of the rest of the station. Functions run on database threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload that somebody wants to begin. `length` in bytes, None while it is unknown;
    `metadata` as the client named it. A `partial` one becomes no video by itself."""

    id: str
    account_id: int
    administrator: bool
    metadata: Mapping[str, str]
    length: int | None
    expires_at: float | None
    video_id: str
    partial: bool = False


class Ledger(Protocol):
    """The rows of uploads. Every function is idempotent, and raises DatabaseAway."""

    def begin(self, new: NewUpload) -> None:
        """Note an upload. Raises UploadError where it is not allowed, or too large for a quota."""

    def declare(self, upload_id: str, length: int) -> None:
        """Note the length that was deferred. Raises UploadError like `begin`."""

    def progress(self, upload_id: str, offset: int, expires_at: float | None) -> None:
        """Note how far an upload has come."""

    def finish(self, upload_id: str, length: int) -> None:
        """Hand a complete upload on. Raises UploadError where nobody wants it any more."""

    def end(self, upload_id: str, state: str) -> None:
        """Note that an upload was joined with others, or is gone: terminated, expired or failed."""
