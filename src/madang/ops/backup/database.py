"""The Database port, with its implementations for SQLite and for a remote database."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

from madang.ops.backup.destinations import Destination
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import DatabaseBackup, DatabaseContent

MARKER_TABLE: Final = "madang_backup_marker"
"""Table with one row per backup: its identifier, which a restored copy must contain. Not a Django
model, because backups work while the station is down or half migrated."""

MARKERS_KEPT: Final = 400
"""More than a year of nightly backups."""

SQLITE_FILE: Final = "database.sqlite3"
"""File name of the database in a backup."""

NO_CONTENT: Final = DatabaseContent({}, {}, "")
"""Content of a remote database."""

BUSY_SECONDS: Final = 30.0
"""Longest wait for the write lock of the station."""


class Database(Protocol):
    """A station's database. Every method may raise BackupError."""

    engine: str

    def back_up(self, identifier: str, staging: Path) -> DatabaseBackup:
        """Make a consistent copy while the station runs; files go into `staging`."""
        ...

    def upload(self, destination: Destination, backup: DatabaseBackup) -> None:
        """Copy to `destination` the parts that are not files in the staging folder."""
        ...

    def verify_restore(
        self, backup: DatabaseBackup, staging: Path, scratch: Path, destination: Destination
    ) -> DatabaseContent:
        """Restore into the empty folder `scratch` and read all of it. Raises NotVerified."""
        ...

    def existing_data(self) -> str | None:
        """Describe the data that a restore would replace; None where there is none."""
        ...

    def require_server(self, backup: DatabaseBackup) -> None:
        """Check that what runs `backup` is installed here, before anything is replaced."""
        ...

    def restore(
        self, backup: DatabaseBackup, staging: Path, destination: Destination, *, target_id: str
    ) -> list[str]:
        """Restore to where the station expects its database, and move existing data aside.

        `target_id` is the identifier of the wanted backup; empty for the newest state, which may be
        newer than the newest backup. Returns notes for the operator.
        """
        ...


class SqliteDatabase:
    """A file, copied with SQLite's online backup while readers and writers continue."""

    engine = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file

    def back_up(self, identifier: str, staging: Path) -> DatabaseBackup:
        copy = staging / SQLITE_FILE
        if not self._file.is_file():
            raise BackupError(
                f"There is no database {self._file} to back up.",
                mend="Start the station once, or give the right folder with --data DIR.",
            )
        with _explain_errors(self._file):
            with contextlib.closing(_open(self._file)) as live:
                _mark(live, identifier)
                _copy(live, copy)
            content = _read(copy)
        return DatabaseBackup(self.engine, content, content, copy.stat().st_size)

    def upload(self, destination: Destination, backup: DatabaseBackup) -> None:
        """Do nothing: the copy is in the staging folder."""

    def verify_restore(
        self, backup: DatabaseBackup, staging: Path, scratch: Path, destination: Destination
    ) -> DatabaseContent:
        try:
            return _read(staging / SQLITE_FILE)
        except (sqlite3.Error, OSError) as error:
            raise NotVerified(f"The database in the backup cannot be read: {error}.") from None

    def existing_data(self) -> str | None:
        return f"the database {self._file}" if self._file.exists() else None

    def require_server(self, backup: DatabaseBackup) -> None:
        pass

    def restore(
        self, backup: DatabaseBackup, staging: Path, destination: Destination, *, target_id: str
    ) -> list[str]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for suffix in ("-wal", "-shm"):
            # Files of a removed database would be replayed into this one.
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        draft = self._file.with_name(f"{self._file.name}.restoring")
        with contextlib.closing(_open(staging / SQLITE_FILE)) as source:
            _copy(source, draft)
        draft.chmod(0o600)
        draft.replace(self._file)
        return []


class RemoteDatabase:
    """A database on another machine, which backs it up. Only files, settings and media are here."""

    engine = "elsewhere"

    def back_up(self, identifier: str, staging: Path) -> DatabaseBackup:
        return DatabaseBackup(self.engine, NO_CONTENT, NO_CONTENT, 0)

    def upload(self, destination: Destination, backup: DatabaseBackup) -> None:
        """Do nothing: there are only files."""

    def verify_restore(
        self, backup: DatabaseBackup, staging: Path, scratch: Path, destination: Destination
    ) -> DatabaseContent:
        return NO_CONTENT

    def existing_data(self) -> str | None:
        return None

    def require_server(self, backup: DatabaseBackup) -> None:
        pass

    def restore(
        self, backup: DatabaseBackup, staging: Path, destination: Destination, *, target_id: str
    ) -> list[str]:
        return []


def copy_sqlite(source: Path, copy: Path) -> None:
    """Copy a SQLite file that may be written to meanwhile. Raises BackupError."""
    with _explain_errors(source), contextlib.closing(_open(source)) as live:
        _copy(live, copy)


def is_sqlite(file: Path) -> bool:
    """Return true if `file` has the header of SQLite (file format, section 1.3)."""
    with file.open("rb") as opened:
        return opened.read(16) == b"SQLite format 3\0"


def _open(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)


def _mark(live: sqlite3.Connection, identifier: str) -> None:
    live.execute("BEGIN IMMEDIATE")
    live.execute(
        f"CREATE TABLE IF NOT EXISTS {MARKER_TABLE} (number INTEGER PRIMARY KEY, id TEXT NOT NULL)"
    )
    live.execute(f"INSERT INTO {MARKER_TABLE} (id) VALUES (?)", (identifier,))
    live.execute(
        f"DELETE FROM {MARKER_TABLE} WHERE number <= (SELECT max(number) FROM {MARKER_TABLE}) - ?",
        (MARKERS_KEPT,),
    )
    live.execute("COMMIT")


def _copy(source: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(copy)) as target:
        # In one step: a writer cannot make it start over. In WAL mode writers do not wait.
        source.backup(target, pages=-1)
        target.execute("PRAGMA journal_mode=DELETE")


def _read(file: Path) -> DatabaseContent:
    """Count the rows of every table. There are no checksums: the file has one in the manifest."""
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
        newest = copy.execute(
            f"SELECT id FROM {MARKER_TABLE} ORDER BY number DESC LIMIT 1"
        ).fetchone()
    return DatabaseContent(rows, {}, newest[0] if newest else "")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def _explain_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        full = "full" in str(error)
        raise BackupError(
            f"The database {file} cannot be copied: {error}.",
            mend="Free space on the disk." if full else "Run `madang doctor`.",
        ) from None
