"""The port behind which a database is backed up and brought back, SQLite's side of it, and that
of a machine which has none."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from madang.ops.backup.destinations import Destination
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import Content, DatabaseBackup

MARKERS: Final = "madang_backup_marker"
"""The table of the marker rows: each backup writes its identifier into it, and must find it again
in what was restored. It is no model: backups work while the station is down or half updated."""

MARKERS_KEPT: Final = 400
"""More than a year of nights."""

SQLITE_FILE: Final = "database.sqlite3"
"""The database's file in a backup."""

NOTHING: Final = Content({}, {}, "")
"""Of a database that is not here."""

BUSY_SECONDS: Final = 30.0
"""For how long the station may hold the write lock before a backup gives up."""


class Database(Protocol):
    """A station's database. Every method may raise BackupError."""

    engine: str

    def take(self, identifier: str, stage: Path) -> DatabaseBackup:
        """Make a consistent copy while the station runs; what is a file goes into `stage`."""
        ...

    def send(self, place: Destination, taken: DatabaseBackup) -> None:
        """Bring to `place` what does not travel as a file in the stage."""
        ...

    def rehearse(
        self, taken: DatabaseBackup, stage: Path, scratch: Path, place: Destination
    ) -> Content:
        """Restore into the empty folder `scratch`, from `stage` and `place`, and read all of it.

        Raises NotVerified where the copy is damaged.
        """
        ...

    def occupied(self) -> str | None:
        """What is in the way of a restore, in words; None where there is nothing to lose."""
        ...

    def restore(
        self, taken: DatabaseBackup, stage: Path, place: Destination, *, exactly: str
    ) -> list[str]:
        """Put the copy where the station expects its database; what was there is moved aside.

        `exactly` is the identifier of the backup that is wanted; empty for the newest state that
        can be had, which may be newer than the newest backup. Returns what a person should know.
        """
        ...


class SqliteDatabase:
    """A file, copied by SQLite's online backup: readers and writers go on meanwhile."""

    engine = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file

    def take(self, identifier: str, stage: Path) -> DatabaseBackup:
        copy = stage / SQLITE_FILE
        if not self._file.is_file():
            raise BackupError(
                f"There is no database {self._file} to back up.",
                mend="Start the station once, or give the right folder with --data DIR.",
            )
        with _told(self._file):
            with contextlib.closing(_open(self._file)) as live:
                _mark(live, identifier)
                _copy(live, copy)
            content = _read(copy)
        return DatabaseBackup(self.engine, content, content, copy.stat().st_size)

    def send(self, place: Destination, taken: DatabaseBackup) -> None:
        """Do nothing: the copy is in the stage."""

    def rehearse(
        self, taken: DatabaseBackup, stage: Path, scratch: Path, place: Destination
    ) -> Content:
        try:
            return _read(stage / SQLITE_FILE)
        except (sqlite3.Error, OSError) as error:
            raise NotVerified(f"The database in the backup cannot be read: {error}.") from None

    def occupied(self) -> str | None:
        return f"the database {self._file}" if self._file.exists() else None

    def restore(
        self, taken: DatabaseBackup, stage: Path, place: Destination, *, exactly: str
    ) -> list[str]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in ("-wal", "-shm"):
            # Left by a database that is no more, they would be played into this one.
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        draft = self._file.with_name(f"{self._file.name}.restoring")
        with contextlib.closing(_open(stage / SQLITE_FILE)) as source:
            _copy(source, draft)
        draft.chmod(0o600)
        draft.replace(self._file)
        return []


class DatabaseElsewhere:
    """On another machine, which backs it up: here are files, settings and media alone."""

    engine = "elsewhere"

    def take(self, identifier: str, stage: Path) -> DatabaseBackup:
        return DatabaseBackup(self.engine, NOTHING, NOTHING, 0)

    def send(self, place: Destination, taken: DatabaseBackup) -> None:
        """Do nothing: there is nothing but files."""

    def rehearse(
        self, taken: DatabaseBackup, stage: Path, scratch: Path, place: Destination
    ) -> Content:
        return NOTHING

    def occupied(self) -> str | None:
        return None

    def restore(
        self, taken: DatabaseBackup, stage: Path, place: Destination, *, exactly: str
    ) -> list[str]:
        return []


def copy_sqlite(source: Path, copy: Path) -> None:
    """Copy a SQLite file that somebody may be writing to. Raises BackupError."""
    with _told(source), contextlib.closing(_open(source)) as live:
        _copy(live, copy)


def is_sqlite(file: Path) -> bool:
    """Whether `file` is a SQLite database, by its header (file format, section 1.3)."""
    with file.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\0"


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)


def _mark(live: sqlite3.Connection, identifier: str) -> None:
    live.execute("BEGIN IMMEDIATE")
    live.execute(
        f"CREATE TABLE IF NOT EXISTS {MARKERS} (number INTEGER PRIMARY KEY, id TEXT NOT NULL)"
    )
    live.execute(f"INSERT INTO {MARKERS} (id) VALUES (?)", (identifier,))
    live.execute(
        f"DELETE FROM {MARKERS} WHERE number <= (SELECT max(number) FROM {MARKERS}) - ?",
        (MARKERS_KEPT,),
    )
    live.execute("COMMIT")


def _copy(source: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(copy)) as target:
        # In one step, which a writer cannot make begin again; in WAL mode it does not wait either.
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")


def _read(file: Path) -> Content:
    """Rows of every table. There are no checksums by table: the file as a whole has one."""
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as copy:
        (verdict,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise NotVerified(f"The copy of the database is damaged: {verdict}.")
        tables = [
            name
            for (name,) in copy.execute(
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            )
        ]
        rows = {
            name: int(copy.execute(f"SELECT count(*) FROM {_quoted(name)}").fetchone()[0])
            for name in sorted(tables)
        }
        newest = copy.execute(f"SELECT id FROM {MARKERS} ORDER BY number DESC LIMIT 1").fetchone()
    return Content(rows, {}, newest[0] if newest else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        full = "full" in str(error)
        raise BackupError(
            f"The database {file} cannot be copied: {error}.",
            mend="Free space on the disk." if full else "Run `madang doctor`.",
        ) from None
