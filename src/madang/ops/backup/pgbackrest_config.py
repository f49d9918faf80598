"""What has to stand on a server that backs up PostgreSQL: texts, made of values. Pure.

Whoever sets a server up writes them; `madang backup` writes the configuration of pgBackRest itself
where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup.destinations import Destination, DestinationKind, RepositoryPart
from madang.ops.backup.model import Retention

STANZA: Final = "madang"
"""What pgBackRest calls this cluster."""

LOCAL_REPOSITORY: Final = 1
OFFSITE_REPOSITORY: Final = 2

ARCHIVE_SECONDS: Final = 30
"""A change is in the archive after this at the latest, however quiet the station is."""

SHIP_SECONDS: Final = 15
"""Every so often the archive is looked at for what the copy elsewhere lacks. Together with the
above: a lost server loses less than a minute, the transfer included."""

BLOCK: Final = (2, 46)
"""The first release of pgBackRest with block-incremental backups that are no trial."""

QUEUE: Final = "4GiB"
"""How much may wait in front of an archive that does not take it. Beyond, it is dropped until the
next backup: a full archive must not fill the database's disk and stop the station."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What pgBackRest needs to know. `spool` holds its locks; `offsite` may be None.

    With `block`, an incremental backup has of a changed file only what changed; without, the whole
    file, which has up to a gigabyte. Releases from BLOCK on have it.
    """

    cluster: Path
    sockets: str
    port: int
    local: Destination
    offsite: Destination | None
    keep: Retention
    spool: Path
    block: bool = False


def natively_offsite(place: Destination | None) -> bool:
    """Whether pgBackRest itself writes there. To SFTP servers its repository is copied: releases
    before 2.46, which Debian 12 and Ubuntu 22.04 have, do not speak it."""
    return place is not None and place.kind is not DestinationKind.SFTP


def pgbackrest_conf(archive: Archive, password: str) -> str:
    """pgBackRest's configuration. It has the password in it: mode 0600, PostgreSQL's user."""
    options: dict[str, object] = {
        "compress-type": "zst",
        "start-fast": "y",
        "archive-push-queue-max": QUEUE,
        "lock-path": archive.spool / "lock",
        "spool-path": archive.spool,
        "log-level-file": "off",
        # Standard output is for answers: a warning would stand in the middle of one.
        "log-level-console": "off",
        "log-level-stderr": "error",
        **_repository(LOCAL_REPOSITORY, archive.local, archive.keep, password, block=archive.block),
    }
    if archive.offsite is not None and natively_offsite(archive.offsite):
        options |= _repository(
            OFFSITE_REPOSITORY, archive.offsite, archive.keep, password, block=archive.block
        )
    stanza = {
        "pg1-path": archive.cluster,
        "pg1-socket-path": archive.sockets,
        "pg1-port": archive.port,
    }
    return "".join(
        [
            "# Made by Madang. It contains a password.\n[global]\n",
            *(f"{name}={value}\n" for name, value in options.items()),
            f"\n[{STANZA}]\n",
            *(f"{name}={value}\n" for name, value in stanza.items()),
        ]
    )


def _repository(
    number: int, place: Destination, keep: Retention, password: str, *, block: bool
) -> Mapping[str, object]:
    prefix = f"repo{number}"
    options: dict[str, object] = {
        f"{prefix}-path": f"{place.path}/{RepositoryPart.POSTGRESQL}",
        f"{prefix}-cipher-type": "aes-256-cbc",
        f"{prefix}-cipher-pass": password,
        # A full one is taken every week, so as many weeks can be gone back to, to any second.
        f"{prefix}-retention-full": max(keep.weekly, 1),
        # Thousands of small files would take as many round trips to a server far away.
        f"{prefix}-bundle": "y",
    }
    if block:
        options[f"{prefix}-block"] = "y"
    if place.kind is DestinationKind.S3:
        bucket, _, path = place.path.strip("/").partition("/")
        options |= {
            f"{prefix}-type": "s3",
            f"{prefix}-path": f"/{path}/{RepositoryPart.POSTGRESQL}"
            if path
            else f"/{RepositoryPart.POSTGRESQL}",
            f"{prefix}-s3-endpoint": f"{place.host}:{place.port}" if place.port else place.host,
            f"{prefix}-s3-uri-style": "path",
            f"{prefix}-s3-bucket": bucket,
            f"{prefix}-s3-region": place.access.s3_region or "us-east-1",
            f"{prefix}-s3-key": place.access.s3_key,
            f"{prefix}-s3-key-secret": place.access.s3_secret,
        }
    return options


def postgresql_settings(pgbackrest: Path) -> dict[str, str]:
    """Settings of PostgreSQL by name. `archive_mode` takes a restart, the others a reload."""
    command = f"pgbackrest --config={pgbackrest} --stanza={STANZA} archive-push %p"
    return {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": command,
        "archive_timeout": f"{ARCHIVE_SECONDS}s",
    }


def postgresql_conf(pgbackrest: Path) -> str:
    """The same as a file for PostgreSQL's `conf.d`."""
    lines = [f"{name} = '{value}'\n" for name, value in postgresql_settings(pgbackrest).items()]
    return "".join(["# Made by Madang: every change goes to the backups.\n", *lines])
