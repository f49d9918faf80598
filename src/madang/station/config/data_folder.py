"""The data folder: everything that the station remembers, readable by its own user only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from madang.base.errors import MadangError
from madang.station.config.settings import Settings

SECRET_FILE: Final = "secret.key"
RUN_FOLDER: Final = "run"
SECRET_BYTES: Final = 48
"""384 bits: Django signs sessions with HMAC-SHA-256 and warns below 50 characters."""


class DataFolderError(MadangError):
    """The data folder cannot be made, read or written."""


def prepare(settings: Settings) -> None:
    """Make the data folder with its secret key, if they are not there. Raises DataFolderError."""
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        (settings.data / RUN_FOLDER).mkdir(mode=0o700, exist_ok=True)
        if settings.database_file is not None:
            settings.database_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_secret(settings.data / SECRET_FILE)
    except OSError as error:
        raise DataFolderError(
            f"The data folder {settings.data} cannot be used: {error.strerror}.",
            mend="Give another with --data DIR, or make this one writable.",
        ) from None


def secret_key(settings: Settings) -> str | None:
    """Return the key that signs sessions, None before `prepare`."""
    path = settings.data / SECRET_FILE
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def _make_secret(path: Path) -> None:
    if path.exists():
        return
    # Written whole under another name and then linked, so that of two starts at once both use
    # the key of the first, and neither reads half of one.
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(SECRET_BYTES) + "\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # the other start was first: its key is the station's
    finally:
        draft.unlink()
