"""What a backup is: what goes in, what is written down about it, and what must come out again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified

FORMAT: Final = 1
"""Version of the manifest; a program refuses to restore a newer one."""

MANIFEST: Final = "manifest.json"


class Media(StrEnum):
    """Where recordings and uploads are kept a second time. They are large, so not everywhere."""

    OFF = "off"
    OFFSITE = "offsite"
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Retention:
    """How many backups stay: the newest of so many days, weeks and months."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """What is backed up, and where to.

    `folder` holds what backups need for themselves; `settings_file` is None where the settings are
    in the data folder. `pgbackrest` is pgBackRest's configuration, `cluster` PostgreSQL's data
    folder (None: ask the server); both matter with PostgreSQL only. Without `database_here` another
    machine backs the database up, and this one what else is on it.
    """

    data: Path
    folder: Path
    database_url: str
    media_folder: Path
    places: tuple[Destination, ...]
    password_file: Path
    settings_file: Path | None = None
    keep: Retention = Retention()
    media: Media = Media.OFFSITE
    pgbackrest: Path | None = None
    cluster: Path | None = None
    database_here: bool = True

    def parts(self, place: Destination) -> list[RepositoryPart]:
        """What restic keeps at `place`."""
        wanted = self.media is Media.EVERYWHERE or (
            self.media is Media.OFFSITE and place.name == "offsite"
        )
        return (
            [RepositoryPart.STATION, RepositoryPart.MEDIA] if wanted else [RepositoryPart.STATION]
        )


@dataclass(frozen=True, slots=True)
class Content:
    """What a database held at one moment: rows and a checksum by table, and the newest marker.

    A checksum does not depend on the order of the rows; it is empty where none was made.
    """

    rows: Mapping[str, int]
    checksums: Mapping[str, str]
    marker: str


@dataclass(frozen=True, slots=True)
class DatabaseBackup:
    """The database's part of a backup.

    `before` and `after` were read at the beginning and at the end: a station that runs changes
    meanwhile. `bytes` is what the database takes. `label` is how pgBackRest calls the backup
    (`offsite_label` in its second repository), `server` the version of PostgreSQL, `cluster` its
    data folder; all of these are empty for SQLite, and where the database is elsewhere.
    """

    engine: str
    before: Content
    after: Content
    bytes: int
    label: str = ""
    offsite_label: str = ""
    server: int = 0
    cluster: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Places that the database itself could not reach, with what went wrong."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Goes into every backup. `files` are SHA-256 sums by path, as 64 hexadecimal digits."""

    id: str
    taken_at: str
    version: str
    database: DatabaseBackup
    files: Mapping[str, str]

    def to_json(self) -> str:
        """As it is kept."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Raises BackupError, where it is not one or a newer program wrote it."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found.pop("format") > FORMAT:
                raise BackupError(
                    "A newer Madang took this backup.", mend="Restore it with that version."
                )
            database = found.pop("database")
            before, after = (Content(**database.pop(name)) for name in ("before", "after"))
            return cls(**found, database=DatabaseBackup(**database, before=before, after=after))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotVerified(f"The backup's manifest cannot be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class Entry:
    """One backup in the list. `bytes` is what it brings back, `verified` by place when it was
    last restored and compared."""

    id: str
    taken_at: datetime
    kind: RepositoryPart
    bytes: int
    verified: Mapping[str, datetime | None]

    @property
    def verified_at(self) -> datetime | None:
        """When it was last proven anywhere."""
        return max((at for at in self.verified.values() if at is not None), default=None)


def differences(taken: DatabaseBackup, found: Content) -> list[str]:
    """What is wrong with a database that was brought back, in sentences.

    A table that did not change while the backup was taken must be the same; of one that did, the
    number of rows must lie between what was there before and after.
    """
    wrong = []
    if found.marker != taken.after.marker:
        wrong.append(f"the marker row is {found.marker or 'missing'}, not {taken.after.marker}")
    for table, first in taken.before.rows.items():
        last = taken.after.rows.get(table)
        if last is None:
            continue  # dropped meanwhile
        rows = found.rows.get(table)
        if rows is None:
            wrong.append(f"the table {table} is missing")
        elif not min(first, last) <= rows <= max(first, last):
            wrong.append(f"the table {table} has {rows} rows, not {last}")
        elif _steady(taken, table) and found.checksums.get(table) != taken.after.checksums[table]:
            wrong.append(f"rows of the table {table} are not what they were")
    return wrong


def _steady(taken: DatabaseBackup, table: str) -> bool:
    first = taken.before.checksums.get(table)
    return bool(first) and first == taken.after.checksums.get(table)


def moment(text: str) -> datetime:
    """Read an instant of RFC 3339; what is finer than a microsecond is cut off."""
    return datetime.fromisoformat(text).astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """Write an instant, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def newest(entries: Sequence[Entry], kind: RepositoryPart = RepositoryPart.STATION) -> Entry | None:
    """The newest backup of a kind."""
    return max((e for e in entries if e.kind is kind), key=lambda e: e.taken_at, default=None)
