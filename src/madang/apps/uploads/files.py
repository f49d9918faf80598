"""The data of complete uploads, for the jobs that make videos of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class UploadFiles:
    """Files in the folder of all uploads, as the server of uploads writes them: `ID/data`."""

    folder: Path

    def path(self, upload_id: str) -> Path:
        """Return the path of the data of an upload."""
        return self.folder / upload_id / "data"

    def release(self, upload_id: str) -> None:
        """Delete data that is not needed any more; what is gone is fine. Raises OSError."""
        self.path(upload_id).unlink(missing_ok=True)
