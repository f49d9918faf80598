"""Taking backups and listing them."""

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
from madang.ops.backup.database import Database, DatabaseElsewhere, SqliteDatabase
from madang.ops.backup.destinations import DestinationKind, RepositoryPart
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import Entry, Manifest, Plan, rfc3339
from madang.ops.backup.postgresql import PostgresqlDatabase
from madang.ops.backup.restic import Repository, Saved

STAGE: Final = "stage"
PASSWORD_BYTES: Final = 32
"""256 bits: nobody types it, so it need not be short."""

SQLITE: Final = "sqlite:///"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CreatedBackup:
    """A backup that was taken: by place, what was stored of the station and of the media."""

    id: str
    taken_at: datetime
    bytes: int
    stored: dict[str, dict[RepositoryPart, Saved]]
    failed: dict[str, str]


class BackupCreator:
    """Takes the backups that a plan wants."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.database = open_database(plan)

    def now(self) -> CreatedBackup:
        """Take a backup to every place, and drop what the rules no longer keep.

        A place that cannot be reached does not keep the others from theirs. Raises BackupError
        where any place failed, when the others are done.
        """
        plan = self.plan
        if not plan.places:
            raise BackupError(
                "There is no place for backups.", mend="Set backup.local or backup.offsite."
            )
        with state.only_one(plan.folder) as lock:
            at = datetime.now(UTC)
            _update(plan, tried=rfc3339(at), since=state.read(plan.folder).since or rfc3339(at))
            try:
                ensure_password(plan.password_file)
                outcome = self._take(at, lock)
            except BackupError as error:
                _update(plan, error=str(error))
                raise
            words = " ".join(outcome.failed.values())
            if len(outcome.failed) < len(plan.places):
                _update(plan, taken=rfc3339(at), error=words)
            else:
                _update(plan, error=words)
        if words:
            raise BackupError(words)
        return outcome

    def _take(self, at: datetime, lock: int) -> CreatedBackup:
        plan = self.plan
        identifier = f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
        stored: dict[str, dict[RepositoryPart, Saved]] = {}
        failed: dict[str, str] = {}
        with empty_folder(plan.folder / STAGE) as folder:
            taken = self.database.take(identifier, folder)
            staging.collect(plan, sqlite_file(plan), folder)
            manifest = Manifest(identifier, rfc3339(at), __version__, taken, staging.sums(folder))
            size = staging.size_of(taken, staging.write_manifest(folder, manifest))
            sources = {RepositoryPart.STATION: (folder, size)}
            if plan.media_folder.is_dir():  # not before somebody has recorded or uploaded
                sources[RepositoryPart.MEDIA] = (plan.media_folder, _size(plan.media_folder))
            for place in plan.places:
                try:
                    self.database.send(place, taken)
                    # Database and pages first: media may take hours.
                    stored[place.name] = {
                        part: Repository(plan, place, part, lock=lock).save(
                            source, identifier, count, plan.keep
                        )
                        for part, (source, count) in sources.items()
                        if part in plan.parts(place)
                    }
                except BackupError as error:
                    failed[place.name] = str(error)
        return CreatedBackup(identifier, at, size, stored, failed)


def list_backups(plan: Plan) -> list[Entry]:
    """Every backup at any place that can be reached, newest first.

    Raises BackupError where no place can.
    """
    if not plan.password_file.is_file():
        return []  # without it, none was ever taken from here
    known = state.read(plan.folder)
    found: dict[tuple[str, RepositoryPart], Entry] = {}
    troubles: list[BackupError] = []
    for place in plan.places:
        for part in plan.parts(place):
            try:
                snapshots = Repository(plan, place, part).snapshots()
            except BackupError as error:
                troubles.append(error)
                continue
            for each in snapshots:
                entry = found.get((each.id, part)) or Entry(
                    each.id, each.taken_at, part, each.bytes, {}
                )
                proven = known.verified_at(f"{each.id}/{part}", place.name)
                found[each.id, part] = replace(
                    entry, verified={**entry.verified, place.name: proven}
                )
    if troubles and not found:
        raise troubles[0]
    for trouble in troubles:
        log.warning("%s", trouble)
    return sorted(found.values(), key=lambda entry: entry.taken_at, reverse=True)


def ship(plan: Plan) -> int:
    """Send what PostgreSQL archived since the last time to an SFTP server elsewhere, and return how
    many files that were; cheap where there is nothing new. Raises BackupError.

    pgBackRest writes to all other places by itself, and SQLite has no such archive.
    """
    database = open_database(plan)
    if not isinstance(database, PostgresqlDatabase):
        return 0
    places = [place for place in plan.places if place.kind is DestinationKind.SFTP]
    return sum(database.mirror(place).send_archive() for place in places)


def open_database(plan: Plan) -> Database:
    """The database's side of backups, by where it is and by its address."""
    if not plan.database_here:
        return DatabaseElsewhere()
    file = sqlite_file(plan)
    if file is not None:
        return SqliteDatabase(file)
    return PostgresqlDatabase(plan)


def sqlite_file(plan: Plan) -> Path | None:
    """The file of a SQLite database; None for PostgreSQL, and where it is not ours to back up."""
    url = plan.database_url
    ours = plan.database_here and url.startswith(SQLITE)
    return Path(url.removeprefix(SQLITE)) if ours else None


def ensure_password(file: Path) -> bool:
    """Make the password where there is none; returns whether it was made. Raises BackupError."""
    try:
        if file.is_file():
            return False
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
    return True


@contextmanager
def empty_folder(folder: Path) -> Iterator[Path]:
    """An empty folder that is removed in the end, and whatever a killed run left in it before."""
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


def _update(plan: Plan, **changes: str) -> None:
    state.write(plan.folder, replace(state.read(plan.folder), **changes))  # type: ignore[arg-type]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
