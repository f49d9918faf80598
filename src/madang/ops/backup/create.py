"""Creation and listing of backups."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang import __version__
from madang.ops.backup import staging, state
from madang.ops.backup.database import Database, RemoteDatabase, SqliteDatabase
from madang.ops.backup.destinations import DestinationKind, RepositoryPart
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import BackupEntry, BackupPlan, Manifest, format_rfc3339
from madang.ops.backup.postgresql import PostgresqlDatabase
from madang.ops.backup.restic import Repository

STAGING: Final = "stage"
PASSWORD_BYTES: Final = 32
"""256 bits."""

SQLITE_PREFIX: Final = "sqlite:///"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CreatedBackup:
    """A backup that was taken, with the new bytes of each repository, by destination."""

    id: str
    taken_at: datetime
    bytes: int
    added: dict[str, dict[RepositoryPart, int]]
    failed: dict[str, str]


class BackupCreator:
    """Takes backups of one plan."""

    def __init__(self, plan: BackupPlan) -> None:
        self.plan = plan
        self.database = open_database(plan)

    def create(self) -> CreatedBackup:
        """Take a backup to every destination and prune by the retention rules.

        A destination that fails does not stop the others. Raises BackupError at the end if any
        failed.
        """
        plan = self.plan
        if not plan.destinations:
            raise BackupError(
                "There is no place for backups.", mend="Set backup.local or backup.offsite."
            )
        with state.exclusive_lock(plan.folder) as lock:
            at = datetime.now(UTC)
            _update(
                plan,
                tried=format_rfc3339(at),
                since=state.read(plan.folder).since or format_rfc3339(at),
            )
            try:
                ensure_password(plan.password_file)
                result = self._create(at, lock)
            except BackupError as error:
                _update(plan, error=str(error))
                raise
            message = " ".join(result.failed.values())
            if len(result.failed) < len(plan.destinations):
                _update(plan, taken=format_rfc3339(at), error=message)
            else:
                _update(plan, error=message)
        if message:
            raise BackupError(message)
        return result

    def _create(self, at: datetime, lock: int) -> CreatedBackup:
        plan = self.plan
        identifier = f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        added: dict[str, dict[RepositoryPart, int]] = {}
        failed: dict[str, str] = {}
        with temporary_folder(plan.folder / STAGING) as folder:
            database = self.database.back_up(identifier, folder)
            staging.collect(plan, sqlite_file(plan), folder)
            manifest = Manifest(
                identifier, format_rfc3339(at), __version__, database, staging.checksums(folder)
            )
            size = staging.restored_size(database, staging.write_manifest(folder, manifest))
            sources = {RepositoryPart.STATION: (folder, size)}
            if plan.media_folder.is_dir():  # absent until the first recording or upload
                sources[RepositoryPart.MEDIA] = (plan.media_folder, _size(plan.media_folder))
            for destination in plan.destinations:
                try:
                    self.database.upload(destination, database)
                    # Media may take hours, so they come last.
                    added[destination.name] = {
                        part: Repository(plan, destination, part, lock=lock).save(
                            source, identifier, count, plan.retention
                        )
                        for part, (source, count) in sources.items()
                        if part in plan.parts(destination)
                    }
                except BackupError as error:
                    failed[destination.name] = str(error)
        return CreatedBackup(identifier, at, size, added, failed)


def list_backups(plan: BackupPlan) -> list[BackupEntry]:
    """Return the backups at every destination that can be reached, newest first.

    Raises BackupError where none can be reached.
    """
    if not plan.password_file.is_file():
        return []  # no backup was ever taken from here
    known = state.read(plan.folder)
    found: dict[tuple[str, RepositoryPart], BackupEntry] = {}
    failures: list[BackupError] = []
    for destination in plan.destinations:
        for part in plan.parts(destination):
            try:
                snapshots = Repository(plan, destination, part).snapshots()
            except BackupError as error:
                failures.append(error)
                continue
            for each in snapshots:
                entry = found.get((each.id, part)) or BackupEntry(
                    each.id, each.taken_at, part, each.bytes, {}
                )
                verified = known.verified_at(f"{each.id}/{part}", destination.name)
                found[each.id, part] = replace(
                    entry, verified={**entry.verified, destination.name: verified}
                )
    if failures and not found:
        raise failures[0]
    for failure in failures:
        log.warning("%s", failure)
    return sorted(found.values(), key=lambda entry: entry.taken_at, reverse=True)


def ship_wal(plan: BackupPlan) -> int:
    """Send new WAL files to SFTP destinations and return their number. Raises BackupError.

    Without new files no connection is made. pgBackRest writes to other kinds of destination itself;
    SQLite has no such archive.
    """
    database = open_database(plan)
    if not isinstance(database, PostgresqlDatabase):
        return 0
    servers = [each for each in plan.destinations if each.kind is DestinationKind.SFTP]
    return sum(database.mirror(server).upload_archive() for server in servers)


def open_database(plan: BackupPlan) -> Database:
    """Return the database port for the plan."""
    if not plan.database_here:
        return RemoteDatabase()
    file = sqlite_file(plan)
    if file is not None:
        return SqliteDatabase(file)
    return PostgresqlDatabase(plan)


def sqlite_file(plan: BackupPlan) -> Path | None:
    """Path of the SQLite database; None for PostgreSQL and for a remote database."""
    url = plan.database_url
    here = plan.database_here and url.startswith(SQLITE_PREFIX)
    return Path(url.removeprefix(SQLITE_PREFIX)) if here else None


def ensure_password(file: Path) -> None:
    """Create the password file if it is missing. Raises BackupError."""
    try:
        if file.is_file():
            return
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(secrets.token_urlsafe(PASSWORD_BYTES) + "\n")
            opened.flush()
            os.fsync(descriptor)
        draft.replace(file)
    except OSError as error:
        raise BackupError(
            f"The password file {file} cannot be made: {error.strerror}.",
            mend="Choose another with backup.password_file.",
        ) from None
    log.warning(
        "%s is the password of the backups. Copy it to another place now: "
        "without it nobody can restore them, you included.",
        file,
    )


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Create an empty folder and remove it at the end. Raises BackupError.

    Removes first what a killed run left there.
    """
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupError(
            f"The folder {folder} cannot be used: {error.strerror}.",
            mend="Free space on its disk, or choose another with backup.folder.",
        ) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _update(plan: BackupPlan, **changes: str) -> None:
    state.write(plan.folder, replace(state.read(plan.folder), **changes))  # type: ignore[arg-type]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
