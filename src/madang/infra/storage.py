"""The identity of a storage: which of the folders that are named alike on several machines."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

FILE: Final = "storage.id"

_BYTES: Final = 12


def storage_id(folder: Path) -> str | None:
    """Return the random id of the storage in `folder`, which has none before `make_storage_id`.

    None also where it cannot be read, as with a disk that is not mounted.
    """
    with contextlib.suppress(OSError, ValueError):
        return (folder / FILE).read_text(encoding="ascii").strip() or None
    return None


def make_storage_id(folder: Path) -> str:
    """Return the id of the storage, made now if there is none. Raises OSError."""
    found = storage_id(folder)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    # Written whole under another name and then linked: two at once end with the same id.
    draft = folder / f"{FILE}.{os.getpid()}-{secrets.token_hex(4)}"
    draft.write_text(secrets.token_hex(_BYTES) + "\n", encoding="ascii")
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, folder / FILE)
    finally:
        draft.unlink()
    return (folder / FILE).read_text(encoding="ascii").strip()
