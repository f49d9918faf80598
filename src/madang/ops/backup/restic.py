"""restic, which keeps files: encrypted, in pieces that are stored once, pruned by rule.

Works with restic 0.12 and newer, which is what Ubuntu 22.04 has.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from madang.ops.backup import subprocesses
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import Plan, Retention, moment
from madang.ops.backup.subprocesses import ProgramFailed

HOST: Final = "madang"
"""Every snapshot is of this host, so that retention goes on after a move to another machine."""

ID_TAG: Final = "id-"
BYTES_TAG: Final = "bytes-"

PAUSES: Final = (0.0, 1.0, 4.0)
"""Seconds before each look whether who has locked a repository is still there."""

_MISSING: Final = ("Is there a repository at the following location?", "does not exist")
_LOCKED: Final = ("already locked", "unable to create lock")
_WRONG_PASSWORD: Final = "wrong password or no key found"
NO_SESSION: Final = "unable to start the sftp session"
_UNREACHABLE: Final = (
    (
        *("Connection refused", "connection refused", "timed out", "No route to host"),
        *("Could not resolve", "Network is unreachable", "no such host", "i/o timeout"),
        *("Connection closed", "Connection reset"),
    ),
    "{place} cannot be reached.",
    "Check that the server is up and the address right; the next run tries again.",
)

_CAUSES: Final = (
    (
        ("no space left on device", "disk quota exceeded"),
        "The disk of {place} is full: nothing that was there before is lost.",
        "Free space there, or keep fewer with backup.keep_daily, then: madang backup now",
    ),
    (
        ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "The server of {place} shows another key than before.",
        "If it was set up anew, remove its line from the file backup.sftp_known_hosts.",
    ),
    (
        ("Permission denied (publickey", "Access Denied", "SignatureDoesNotMatch"),
        "{place} lets nobody in with this key.",
        "Check backup.sftp_key, or backup.s3_key and backup.s3_secret.",
    ),
    _UNREACHABLE,
    (
        ("permission denied", "Permission denied"),
        "{place} may not be read or written.",
        "Give the folder to the user who takes the backups.",
    ),
)
"""What restic and ssh write, and what it means; the first that fits counts."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One state of the files. `id` is the backup's, `key` restic's own; `bytes` as they were."""

    key: str
    id: str
    taken_at: datetime
    bytes: int


@dataclass(frozen=True, slots=True)
class Saved:
    """What a run stored. `added` is how many bytes of it were new, before compression."""

    key: str
    added: int
    bytes: int


class Repository:
    """The repository of one part at one place. `lock` is a file that stays open in every child."""

    def __init__(
        self, plan: Plan, place: Destination, part: RepositoryPart, *, lock: int | None = None
    ) -> None:
        self.place = place
        self.part = part
        self._password_file = plan.password_file
        self._cache = plan.folder / "cache"
        self._lock = lock

    def save(self, folder: Path, identifier: str, size: int, keep: Retention) -> Saved:
        """Store everything below `folder`, which holds `size` bytes, and drop what the rules no
        longer keep; the repository is made where there is none. Raises BackupError.
        """
        try:
            saved = self._save(folder, identifier, size)
        except MissingRepository:
            self._restic("init")
            return self._save(folder, identifier, size)
        self._prune(keep)
        return saved

    def _save(self, folder: Path, identifier: str, size: int) -> Saved:
        tags = [f"{ID_TAG}{identifier}", f"{BYTES_TAG}{size}"]
        said = self._restic(
            *("backup", ".", "--json", "--host", HOST),
            *(f"--tag={tag}" for tag in tags),
            cwd=folder,
        )
        summary = _last_message(said)
        return Saved(
            str(summary["snapshot_id"]),
            int(summary["data_added"]),
            int(summary["total_bytes_processed"]),
        )

    def snapshots(self) -> list[Snapshot]:
        """What there is, oldest first; nothing where there is no repository yet."""
        try:
            found = json.loads(self._restic("snapshots", "--json", "--no-lock")) or []
        except MissingRepository:
            return []
        return sorted(
            (each for item in found if (each := _snapshot(item)) is not None),
            key=lambda each: each.taken_at,
        )

    def restore(self, snapshot: Snapshot, target: Path) -> None:
        """Write the files of `snapshot` below `target`. Raises BackupError, NotVerified."""
        try:
            self._restic("restore", snapshot.key, "--target", str(target), "--no-lock")
        except ProgramFailed as error:
            raise NotVerified(
                f"The backup {snapshot.id} at {self.place.shown} is damaged: {error.message}",
                mend="Restore another: madang backup list",
            ) from None

    def _prune(self, keep: Retention) -> None:
        self._restic(
            *("forget", "--host", HOST, "--group-by", "host", "--prune", "--quiet"),
            *("--keep-daily", str(keep.daily), "--keep-weekly", str(keep.weekly)),
            *("--keep-monthly", str(keep.monthly)),
        )

    def check(self, share: str | None = None) -> None:
        """Read everything back (or a `share` such as `1/8`) and compare it with its sums.

        A check that only looks at the structure passes a flipped bit. Raises NotVerified.
        """
        how = f"--read-data-subset={share}" if share else "--read-data"
        try:
            self._restic("check", how)
        except ProgramFailed as error:
            raise NotVerified(
                f"The repository {self.part} at {self.place.shown} is damaged: {error.message}",
                mend="Keep it for now, check the disk, and begin another: set another backup.local"
                " or backup.offsite.",
            ) from None

    def _restic(self, *arguments: str, cwd: Path | None = None) -> str:
        for pause in PAUSES:
            try:
                return self._once(arguments, cwd)
            except _Locked:
                # Somebody was killed. restic removes only locks whose process is gone, and one
                # that was killed a moment ago is there until the system has cleared it away.
                time.sleep(pause)
                self._once(("unlock",), None)
        return self._once(arguments, cwd)

    def _once(self, arguments: Sequence[str], cwd: Path | None) -> str:
        command = ["restic", "--repo", self.place.repository(self.part), *self.place.options()]
        try:
            return subprocesses.run(
                [*command, *arguments],
                environment={
                    **self.place.environment(),
                    "RESTIC_PASSWORD_FILE": str(self._password_file),
                    # The cache would be in a home that a service has not got.
                    "RESTIC_CACHE_DIR": str(self._cache),
                },
                cwd=cwd,
                keep_open=self._lock,
            )
        except ProgramFailed as error:
            raise self._explained(error) from None

    def _explained(self, error: ProgramFailed) -> BackupError:
        said = error.said
        where = f"the {self.part} repository at {self.place.shown}"
        if _WRONG_PASSWORD in said:
            return BackupError(
                f"The password does not open {where}.",
                mend=f"Put the password that it was made with into {self._password_file}.",
            )
        if any(words in said for words in _LOCKED):
            return _Locked(f"{where.capitalize()} is in use.", mend="Try again later.")
        told = explain(error, self.place)
        if told is not error:
            return told
        if any(words in said for words in _MISSING):
            return MissingRepository(
                f"There is no {where}.", mend="Check the address, or make one: madang backup now"
            )
        return error


def explain(error: ProgramFailed, place: Destination) -> BackupError:
    """What a program said about `place`, in words that help; `error` where it is nothing known."""
    cause = _cause(error.said)
    if cause is None and NO_SESSION in error.said:
        # restic can end before it has passed on what ssh said.
        cause = _cause(_said_by_ssh(place)) or _UNREACHABLE
    if cause is None:
        return error
    _, sentence, mend = cause
    shown = f"place {place.name} ({place.shown})"
    told = sentence.replace("of {place}", f"of the {shown}")
    return BackupError(told.replace("{place}", f"The {shown}"), mend=mend)


def _cause(said: str) -> tuple[tuple[str, ...], str, str] | None:
    return next((one for one in _CAUSES if any(words in said for words in one[0])), None)


def _said_by_ssh(place: Destination) -> str:
    try:
        subprocesses.run(place.sftp_command(), stdin="")
    except ProgramFailed as error:
        return error.said
    return ""


class MissingRepository(BackupError):
    """Nothing was ever kept at this place."""


class _Locked(BackupError):
    """Somebody works on the repository, or was killed while doing so."""


def _snapshot(item: Mapping[str, Any]) -> Snapshot | None:
    tags = item.get("tags") or []
    identifier = next((t.removeprefix(ID_TAG) for t in tags if t.startswith(ID_TAG)), None)
    if identifier is None:
        return None  # somebody's own, taken by hand into the same repository
    size = next((t.removeprefix(BYTES_TAG) for t in tags if t.startswith(BYTES_TAG)), "0")
    return Snapshot(str(item["id"]), identifier, moment(str(item["time"])), int(size))


def _last_message(said: str) -> dict[str, Any]:
    for line in reversed(said.splitlines()):
        if line.startswith("{"):
            message: dict[str, Any] = json.loads(line)
            if message.get("message_type") == "summary":
                return message
    raise BackupError("restic did not say what it stored.", mend="Is this restic 0.12 or newer?")
