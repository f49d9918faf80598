"""Limits of uploads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Limits of all uploads: sizes in bytes, `lifetime` in seconds.

    They may grow while an upload is under way, but not shrink: clients keep to those they saw first
    (draft-ietf-httpbis-resumable-upload, section "Limits").
    """

    size: int = 100 << 30
    """Whole upload, also a joined one: ten hours of 1080p at 20 Mbit/s."""

    max_append: int | None = None
    """Content of one request, announced as `max-append-size`; None: no limit. For a proxy that
    refuses larger ones. tus has no field for it, so it does not bind clients of tus."""

    min_append: int | None = None
    """Content of one request that does not complete the upload, announced as `min-append-size`."""

    metadata: int = 8 << 10
    """Upload-Metadata. Clients send name, type and some ten fields of a form."""

    parts: int = 512
    """Partial uploads of a final one. Clients send four to sixteen; 512 addresses fill a request
    head."""

    lifetime: float = 24 * 3600.0
    """From the last byte received to the expiry of an unfinished upload: until tomorrow."""


DEFAULT_LIMITS = UploadLimits()
