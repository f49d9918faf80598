"""Ports of the server of uploads to the rest of the station; they run on database threads."""

from __future__ import annotations

from typing import Protocol

from madang.apps.uploads.new_upload import NewUpload


class Ledger(Protocol):
    """The rows of uploads. Every function is idempotent, and raises DatabaseAway."""

    def begin(self, new: NewUpload) -> str:
        """Note an upload, and return the id of its video. Raises UploadError where it is not
        allowed, or too large for a quota."""

    def declare(self, upload_id: str, length: int) -> None:
        """Note the length that was deferred. Raises UploadError like `begin`."""

    def progress(self, upload_id: str, offset: int, expires_at: float | None) -> None:
        """Note how far an upload has come."""

    def finish(self, upload_id: str, length: int) -> None:
        """Hand a complete upload on. Raises UploadError where nobody wants it any more."""

    def end(self, upload_id: str, state: str) -> None:
        """Note that an upload was joined with others, or is gone: terminated, expired or failed."""
