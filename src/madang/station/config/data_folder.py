"""The data folder: everything that the station remembers, readable by its own user only."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from madang.base.errors import MadangError
from madang.station.config.settings import Settings

SECRET_FILE: Final = "secret.key"
RUN_FOLDER: Final = "run"
_BESIDE: Final = ("-wal", "-shm")
"""Suffixes of the files that SQLite keeps beside a database."""

log = logging.getLogger(__name__)

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
        _close(settings)
    except OSError as error:
        raise DataFolderError(
            f"The data folder {settings.data} cannot be used: {error.strerror}.",
            mend="Give another with --data DIR, or make this one writable.",
        ) from None


def exposed(settings: Settings) -> list[Path]:
    """Return what other users of this machine can read in the data folder and of the database."""
    found = [path for path in _database_files(settings) if _is_open(path)]
    if settings.data.is_dir() and _is_open(settings.data):
        found += (path for path in settings.data.iterdir() if _is_open(path))
    return sorted({path for path in found if _is_open(path.parent)})


def _close(settings: Settings) -> None:
    """Take secrets, sessions and accounts away from other users, where the folder was there before
    and is open to them. The station makes everything else closed (umask)."""
    places = [settings.data / SECRET_FILE, settings.data / RUN_FOLDER, *_database_files(settings)]
    for path in places:
        if _is_open(path):
            with contextlib.suppress(PermissionError):  # another user's: `exposed` tells
                path.chmod(0o700 if path.is_dir() else 0o600)
                if _is_open(path.parent):
                    log.warning("other users of this machine could read %s until now", path)
    if rest := exposed(settings):
        names = ", ".join(str(path) for path in rest)
        log.warning("other users of this machine can read %s: chmod -R go= %s", names, names)


def _database_files(settings: Settings) -> list[Path]:
    file = settings.database_file
    return [] if file is None else [file.with_name(f"{file.name}{end}") for end in ("", *_BESIDE)]


def _is_open(path: Path) -> bool:
    """Return true if others than the owner may use `path`."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return not stat.S_ISLNK(status.st_mode) and bool(status.st_mode & 0o077)


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
