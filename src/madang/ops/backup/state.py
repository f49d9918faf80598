"""Persistent state of backups, and the lock that keeps two of them apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from madang.ops.backup.errors import BackupError, Busy
from madang.ops.backup.model import BackupState

STATE_FILE: Final = "state.json"
LOCK_FILE: Final = "lock"


def read(folder: Path) -> BackupState:
    """Read the state; an empty one where it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return BackupState(**json.loads((folder / STATE_FILE).read_text(encoding="utf-8")))
    return BackupState()


def write(folder: Path, state: BackupState) -> None:
    """Replace the state atomically. Raises BackupError."""
    draft = folder / f"{STATE_FILE}.new"
    try:
        draft.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        # Not secret, and read by the station, which is another user where timers take the backups.
        draft.chmod(0o644)
        draft.replace(folder / STATE_FILE)
    except OSError as error:
        raise BackupError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            mend="Free space on its disk, or give it to the user who takes the backups.",
        ) from None


@contextlib.contextmanager
def exclusive_lock(folder: Path) -> Iterator[int]:
    """Hold the lock and yield its file descriptor, for children to inherit. Raises Busy.

    The kernel releases it when the last process that has it open is gone.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BackupError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            mend="Choose another with backup.folder, or give it to this user.",
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Busy("A backup, check or restore is at work.", mend="Try again later.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
