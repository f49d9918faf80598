"""Values of backups: plan, manifest, database content and their comparison. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified

FORMAT: Final = 1
"""Version of the manifest; a newer one is refused."""

MANIFEST: Final = "manifest.json"

MAX_VERDICTS: Final = 1000
"""Limit of remembered verifications: more than retention keeps backups."""


class MediaPolicy(StrEnum):
    """Destinations that get a copy of recordings and uploads."""

    OFF = "off"
    OFFSITE = "offsite"
    EVERYWHERE = "everywhere"


@dataclass(frozen=True, slots=True)
class Retention:
    """Number of backups kept: the newest of so many days, weeks and months."""

    daily: int = 7
    weekly: int = 4
    monthly: int = 6


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Sources and destinations of a station's backups.

    `folder` holds state, lock, cache and staging. `settings_file` is None where the settings are in
    the data folder. For PostgreSQL, `pgbackrest` is the configuration of pgBackRest and `cluster`
    the data folder (None: ask the server). Without `database_here` another machine backs up the
    database.
    """

    data: Path
    folder: Path
    database_url: str
    media_folder: Path
    destinations: tuple[Destination, ...]
    password_file: Path
    settings_file: Path | None = None
    retention: Retention = Retention()
    media: MediaPolicy = MediaPolicy.OFFSITE
    pgbackrest: Path | None = None
    cluster: Path | None = None
    database_here: bool = True

    def parts(self, destination: Destination) -> list[RepositoryPart]:
        """Parts that restic keeps at `destination`."""
        offsite = self.media is MediaPolicy.OFFSITE and destination.name == "offsite"
        if offsite or self.media is MediaPolicy.EVERYWHERE:
            return [RepositoryPart.STATION, RepositoryPart.MEDIA]
        return [RepositoryPart.STATION]


@dataclass(frozen=True, slots=True)
class DatabaseContent:
    """Content of a database at one moment: rows and checksum by table, and the newest marker.

    Checksums do not depend on the order of rows; there are none for SQLite.
    """

    rows: Mapping[str, int]
    checksums: Mapping[str, str]
    marker: str


@dataclass(frozen=True, slots=True)
class DatabaseBackup:
    """The database's part of a backup.

    `before` and `after` were read at the start and the end, as a running station writes meanwhile.
    `bytes` is the size of the database. `label` is pgBackRest's name of the backup (`offsite_label`
    in its second repository), `server` the major version of PostgreSQL, `cluster` its data folder;
    all empty for SQLite and for a remote database.
    """

    engine: str
    before: DatabaseContent
    after: DatabaseContent
    bytes: int
    label: str = ""
    offsite_label: str = ""
    server: int = 0
    cluster: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Error messages by destination that the database could not reach."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Description inside every backup. `files` are SHA-256 sums by path, 64 hexadecimal digits."""

    id: str
    taken_at: str
    version: str
    database: DatabaseBackup
    files: Mapping[str, str]

    def to_json(self) -> str:
        """Serialise for MANIFEST."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Parse a manifest. Raises NotVerified, and BackupError for one of a newer version."""
        try:
            found: dict[str, Any] = json.loads(text)
            if found.pop("format") > FORMAT:
                raise BackupError(
                    "A newer Madang took this backup.", mend="Restore it with that version."
                )
            database = found.pop("database")
            before, after = (DatabaseContent(**database.pop(name)) for name in ("before", "after"))
            return cls(**found, database=DatabaseBackup(**database, before=before, after=after))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotVerified(f"The backup's manifest cannot be read: {error}.") from None


@dataclass(frozen=True, slots=True)
class BackupState:
    """Content of the state file. Times are RFC 3339, empty for never.

    `since` is the first start of the schedule; `tried` and `checked` are the last starts of a
    backup and of a verification, `taken` and `verified` the last successes. `error` and
    `check_error` are the messages of the last failures, empty after a success. `verdicts` has the
    time of verification by backup and destination.
    """

    since: str = ""
    tried: str = ""
    taken: str = ""
    error: str = ""
    checked: str = ""
    verified: str = ""
    check_error: str = ""
    verdicts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def with_verified(self, identifier: str, destination: str, at: datetime) -> BackupState:
        """Return the state after a verification of one backup at one destination."""
        verdict = {**self.verdicts.get(identifier, {}), destination: format_rfc3339(at)}
        verdicts = {**self.verdicts, identifier: verdict}
        newest = dict(sorted(verdicts.items())[-MAX_VERDICTS:])
        return replace(self, verified=format_rfc3339(at), verdicts=newest)

    def verified_at(self, identifier: str, destination: str) -> datetime | None:
        """Time of the last verification of a backup at a destination."""
        text = self.verdicts.get(identifier, {}).get(destination)
        return parse_rfc3339(text) if text else None


@dataclass(frozen=True, slots=True)
class BackupEntry:
    """One backup in the list. `bytes` is the restored size, `verified` the time of the last
    verification by destination."""

    id: str
    taken_at: datetime
    kind: RepositoryPart
    bytes: int
    verified: Mapping[str, datetime | None]

    @property
    def verified_at(self) -> datetime | None:
        """Time of the newest verification at any destination."""
        return max((at for at in self.verified.values() if at is not None), default=None)


def database_differences(backup: DatabaseBackup, found: DatabaseContent) -> list[str]:
    """Return what is wrong with a restored database, in sentences.

    A table that did not change during the backup must be equal; of one that did, the number of rows
    must lie between those before and after.
    """
    wrong = []
    if found.marker != backup.after.marker:
        wrong.append(f"the marker row is {found.marker or 'missing'}, not {backup.after.marker}")
    for table, first in backup.before.rows.items():
        last = backup.after.rows.get(table)
        if last is None:
            continue  # dropped during the backup
        rows = found.rows.get(table)
        if rows is None:
            wrong.append(f"the table {table} is missing")
        elif not min(first, last) <= rows <= max(first, last):
            wrong.append(f"the table {table} has {rows} rows, not {last}")
        elif (
            _unchanged(backup, table)
            and found.checksums.get(table) != backup.after.checksums[table]
        ):
            wrong.append(f"rows of the table {table} are not what they were")
    return wrong


def _unchanged(backup: DatabaseBackup, table: str) -> bool:
    first = backup.before.checksums.get(table)
    return bool(first) and first == backup.after.checksums.get(table)


def parse_rfc3339(text: str) -> datetime:
    """Parse an RFC 3339 time; digits beyond microseconds are dropped."""
    return datetime.fromisoformat(text).astimezone(UTC)


def format_rfc3339(at: datetime) -> str:
    """Format a time as RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
