"""The data of complete uploads, for the jobs that make videos of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

UPLOADS: Final = "uploads"
"""Name of the folder of all uploads in the storage."""

IMPORT_PREFIX: Final = "import-"
"""Beginning of the ids of files that are imported. Their folders are none of the server's of
uploads: they have no record, the rows know how far they have come."""


@dataclass(frozen=True, slots=True)
class UploadFiles:
    """The data of each upload, `ID/data`, in the folder of all."""

    folder: Path

    def path(self, upload_id: str) -> Path:
        """Return the path of the data of an upload."""
        return self.folder / upload_id / "data"

    def release(self, upload_id: str) -> None:
        """Delete data that is not needed any more; what is gone is fine. Raises OSError."""
        self.path(upload_id).unlink(missing_ok=True)
