"""restic repositories: encrypted, deduplicated, pruned by retention rules.

Works with restic 0.12 (Ubuntu 22.04) and newer.
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
from madang.ops.backup.model import BackupPlan, Retention, parse_rfc3339
from madang.ops.backup.subprocesses import ProgramFailed

HOST: Final = "madang"
"""Host of every snapshot, so that retention continues after a move to another machine."""

ID_TAG: Final = "id-"
BYTES_TAG: Final = "bytes-"

LOCK_RETRY_SECONDS: Final = (0.0, 1.0, 4.0)
"""Delays before each attempt to remove a stale lock."""

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
    "{destination} cannot be reached.",
    "Check that the server is up and the address right; the next run tries again.",
)

_CAUSES: Final = (
    (
        ("no space left on device", "disk quota exceeded"),
        "The disk of {destination} is full: nothing that was there before is lost.",
        "Free space there, or keep fewer with backup.keep_daily, then: madang backup now",
    ),
    (
        ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "The server of {destination} shows another key than before.",
        "If it was set up anew, remove its line from the file backup.sftp_known_hosts.",
    ),
    (
        ("Permission denied (publickey", "Access Denied", "SignatureDoesNotMatch"),
        "{destination} lets nobody in with this key.",
        "Check backup.sftp_key, or backup.s3_key and backup.s3_secret.",
    ),
    _UNREACHABLE,
    (
        ("permission denied", "Permission denied"),
        "{destination} may not be read or written.",
        "Give the folder to the user who takes the backups.",
    ),
)
"""Error texts of restic and ssh, with message and advice; the first match counts."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot of restic. `key` is restic's identifier, `id` that of the backup; `bytes` is the
    restored size."""

    key: str
    id: str
    taken_at: datetime
    bytes: int


class Repository:
    """The repository of one part at one destination. `lock` is a file descriptor that every child
    inherits."""

    def __init__(
        self,
        plan: BackupPlan,
        destination: Destination,
        part: RepositoryPart,
        *,
        lock: int | None = None,
    ) -> None:
        self.destination = destination
        self.part = part
        self._password_file = plan.password_file
        self._cache = plan.folder / "cache"
        self._lock = lock

    def save(self, folder: Path, identifier: str, size: int, retention: Retention) -> int:
        """Store everything below `folder`, of `size` bytes, and prune by the retention rules.

        Returns the number of new bytes, before compression. Initialises a missing repository.
        Raises BackupError.
        """
        try:
            added = self._save(folder, identifier, size)
        except MissingRepository:
            self._restic("init")
            return self._save(folder, identifier, size)
        self._prune(retention)
        return added

    def _save(self, folder: Path, identifier: str, size: int) -> int:
        tags = [f"{ID_TAG}{identifier}", f"{BYTES_TAG}{size}"]
        output = self._restic(
            *("backup", ".", "--json", "--host", HOST),
            *(f"--tag={tag}" for tag in tags),
            cwd=folder,
        )
        return int(_summary(output)["data_added"])

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots, oldest first; none where there is no repository yet."""
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
                f"The backup {snapshot.id} at {self.destination.address} is damaged: "
                f"{error.message}",
                mend="Restore another: madang backup list",
            ) from None

    def _prune(self, retention: Retention) -> None:
        self._restic(
            *("forget", "--host", HOST, "--group-by", "host", "--prune", "--quiet"),
            *("--keep-daily", str(retention.daily), "--keep-weekly", str(retention.weekly)),
            *("--keep-monthly", str(retention.monthly)),
        )

    def check(self, share: str | None = None) -> None:
        """Read all data back (or a `share` such as `1/8`) and compare it with its checksums.

        A check of the structure alone misses a flipped bit. Raises NotVerified.
        """
        option = f"--read-data-subset={share}" if share else "--read-data"
        try:
            self._restic("check", option)
        except ProgramFailed as error:
            raise NotVerified(
                f"The repository {self.part} at {self.destination.address} is damaged: "
                f"{error.message}",
                mend="Keep it for now, check the disk, and begin another: set another backup.local"
                " or backup.offsite.",
            ) from None

    def _restic(self, *arguments: str, cwd: Path | None = None) -> str:
        for delay in LOCK_RETRY_SECONDS:
            try:
                return self._run(arguments, cwd)
            except _RepositoryLocked:
                # The holder was killed. restic removes only locks of processes that are gone, and a
                # zombie is not gone until it is reaped.
                time.sleep(delay)
                self._run(("unlock",), None)
        return self._run(arguments, cwd)

    def _run(self, arguments: Sequence[str], cwd: Path | None) -> str:
        command = [
            "restic",
            "--repo",
            self.destination.repository(self.part),
            *self.destination.restic_options(),
        ]
        try:
            return subprocesses.run(
                [*command, *arguments],
                environment={
                    **self.destination.restic_environment(),
                    "RESTIC_PASSWORD_FILE": str(self._password_file),
                    # A service has no home for the default cache.
                    "RESTIC_CACHE_DIR": str(self._cache),
                },
                cwd=cwd,
                keep_open=self._lock,
            )
        except ProgramFailed as error:
            raise self._explain(error) from None

    def _explain(self, error: ProgramFailed) -> BackupError:
        output = error.output
        where = f"the {self.part} repository at {self.destination.address}"
        if _WRONG_PASSWORD in output:
            return BackupError(
                f"The password does not open {where}.",
                mend=f"Put the password that it was made with into {self._password_file}.",
            )
        if any(words in output for words in _LOCKED):
            return _RepositoryLocked(f"{where.capitalize()} is in use.", mend="Try again later.")
        explained = explain_failure(error, self.destination)
        if explained is not error:
            return explained
        if any(words in output for words in _MISSING):
            return MissingRepository(
                f"There is no {where}.", mend="Check the address, or make one: madang backup now"
            )
        return error


def explain_failure(error: ProgramFailed, destination: Destination) -> BackupError:
    """Translate a known error of `destination`; return any other as it is."""
    cause = _cause(error.output)
    if cause is None and NO_SESSION in error.output:
        # restic can exit before it has passed on ssh's message.
        cause = _cause(_ssh_output(destination)) or _UNREACHABLE
    if cause is None:
        return error
    _, sentence, mend = cause
    shown = f"place {destination.name} ({destination.address})"
    explained = sentence.replace("of {destination}", f"of the {shown}")
    return BackupError(explained.replace("{destination}", f"The {shown}"), mend=mend)


def _cause(output: str) -> tuple[tuple[str, ...], str, str] | None:
    return next((one for one in _CAUSES if any(words in output for words in one[0])), None)


def _ssh_output(destination: Destination) -> str:
    try:
        subprocesses.run(destination.sftp_command(), stdin="")
    except ProgramFailed as error:
        return error.output
    return ""


class MissingRepository(BackupError):
    """There is no repository at this destination."""


class _RepositoryLocked(BackupError):
    """The repository is locked, by a running process or a killed one."""


def _snapshot(item: Mapping[str, Any]) -> Snapshot | None:
    tags = item.get("tags") or []
    identifier = next((t.removeprefix(ID_TAG) for t in tags if t.startswith(ID_TAG)), None)
    if identifier is None:
        return None  # taken by hand into the same repository
    size = next((t.removeprefix(BYTES_TAG) for t in tags if t.startswith(BYTES_TAG)), "0")
    return Snapshot(str(item["id"]), identifier, parse_rfc3339(str(item["time"])), int(size))


def _summary(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            message: dict[str, Any] = json.loads(line)
            if message.get("message_type") == "summary":
                return message
    raise BackupError("restic did not say what it stored.", mend="Is this restic 0.12 or newer?")
