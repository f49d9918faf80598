"""What backups remember from run to run, and the lock that lets only one of them work at once."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from madang.ops.backup.errors import BackupError, Busy
from madang.ops.backup.model import moment, rfc3339

STATE_FILE: Final = "state.json"
LOCK_FILE: Final = "lock"
VERIFIED_KEPT: Final = 1000
"""Verdicts that are remembered: more than retention keeps backups."""


@dataclass(frozen=True, slots=True)
class State:
    """Instants are RFC 3339 texts, empty where it never happened.

    `since` is when the station began to look after its backups; `tried` and `checked` are the last
    beginnings of a backup and of a verification, `taken` and `verified` the last that succeeded.
    `error` says in one line what went wrong last, `check_error` what the last verification found.
    `verdicts` tell by backup and place when each was proven.
    """

    since: str = ""
    tried: str = ""
    taken: str = ""
    error: str = ""
    checked: str = ""
    verified: str = ""
    check_error: str = ""
    verdicts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def proven(self, identifier: str, place: str, at: datetime) -> State:
        """The state once a backup was verified at a place."""
        verdict = {**self.verdicts.get(identifier, {}), place: rfc3339(at)}
        verdicts = {**self.verdicts, identifier: verdict}
        newest = dict(sorted(verdicts.items())[-VERIFIED_KEPT:])
        return replace(self, verified=rfc3339(at), verdicts=newest)

    def verified_at(self, identifier: str, place: str) -> datetime | None:
        """When a backup was proven at a place."""
        text = self.verdicts.get(identifier, {}).get(place)
        return moment(text) if text else None


def read(folder: Path) -> State:
    """The state in `folder`; an empty one where there is none that can be read."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        return State(**json.loads((folder / STATE_FILE).read_text(encoding="utf-8")))
    return State()


def write(folder: Path, state: State) -> None:
    """Write the state, whole or not at all. Raises BackupError."""
    draft = folder / f"{STATE_FILE}.new"
    try:
        draft.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        # Nothing secret: where timers take the backups, the station is another user and reads it.
        draft.chmod(0o644)
        draft.replace(folder / STATE_FILE)
    except OSError as error:
        raise BackupError(
            f"The folder {folder} cannot be written: {error.strerror}.",
            mend="Free space on its disk, or give it to the user who takes the backups.",
        ) from None


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[int]:
    """Hold the lock; yields its descriptor, to be kept open in children. Raises Busy.

    The kernel lets go of it when the last process that has it open is gone, however it ended.
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
