"""Configuration texts of pgBackRest and of PostgreSQL's archiving. Pure.

Written by the deployment, or by `madang backup` where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup.destinations import Destination, DestinationKind, RepositoryPart
from madang.ops.backup.model import Retention

POSTGRESQL_USER: Final = "postgres"
"""User that runs PostgreSQL in the packages of Debian and Ubuntu."""

STANZA: Final = "madang"
"""Name of the cluster in pgBackRest."""

LOCAL_REPOSITORY: Final = 1
OFFSITE_REPOSITORY: Final = 2

ARCHIVE_SECONDS: Final = 30
"""Longest time until a change is in the archive, on a quiet station too."""

SHIP_SECONDS: Final = 15
"""Seconds between two uploads of new archive files to an SFTP server. With ARCHIVE_SECONDS, a lost
server loses less than a minute, transfer included."""

QUEUE_LIMIT: Final = "4GiB"
"""Limit of WAL that waits for an archive that takes none. More is dropped until the next backup, so
that a full archive does not fill the disk of the database."""


@dataclass(frozen=True, slots=True)
class PgBackRestConfig:
    """Values of pgBackRest's configuration. `spool` is the folder of its locks.

    With `block`, an incremental backup stores only the changed blocks of a file of up to a
    gigabyte. Older releases lack it.
    """

    cluster: Path
    sockets: str
    port: int
    local: Destination
    offsite: Destination | None
    retention: Retention
    spool: Path
    block: bool = False


def is_native(destination: Destination | None) -> bool:
    """Return true if pgBackRest writes to `destination` itself.

    It has no SFTP before 2.46 (Debian 12, Ubuntu 22.04), so its repository is mirrored to SFTP
    servers.
    """
    return destination is not None and destination.kind is not DestinationKind.SFTP


def pgbackrest_conf(config: PgBackRestConfig, password: str) -> str:
    """pgBackRest's configuration; contains the password, so mode 0600 for PostgreSQL's user."""
    options: dict[str, object] = {
        "compress-type": "zst",
        "start-fast": "y",
        "archive-push-queue-max": QUEUE_LIMIT,
        "lock-path": config.spool / "lock",
        "spool-path": config.spool,
        "log-level-file": "off",
        # Standard output carries answers, which warnings would corrupt.
        "log-level-console": "off",
        "log-level-stderr": "error",
        **_repository(
            LOCAL_REPOSITORY, config.local, config.retention, password, block=config.block
        ),
    }
    if config.offsite is not None and is_native(config.offsite):
        options |= _repository(
            OFFSITE_REPOSITORY, config.offsite, config.retention, password, block=config.block
        )
    stanza = {
        "pg1-path": config.cluster,
        "pg1-socket-path": config.sockets,
        "pg1-port": config.port,
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
    number: int, destination: Destination, retention: Retention, password: str, *, block: bool
) -> Mapping[str, object]:
    prefix = f"repo{number}"
    options: dict[str, object] = {
        f"{prefix}-path": f"{destination.path}/{RepositoryPart.POSTGRESQL}",
        f"{prefix}-cipher-type": "aes-256-cbc",
        f"{prefix}-cipher-pass": password,
        # One full backup a week, so point-in-time recovery reaches back as many weeks.
        f"{prefix}-retention-full": max(retention.weekly, 1),
        # One file per small file would cost a round trip each to a remote server.
        f"{prefix}-bundle": "y",
    }
    if block:
        options[f"{prefix}-block"] = "y"
    if destination.kind is DestinationKind.S3:
        bucket, _, path = destination.path.strip("/").partition("/")
        options |= {
            f"{prefix}-type": "s3",
            f"{prefix}-path": f"/{path}/{RepositoryPart.POSTGRESQL}"
            if path
            else f"/{RepositoryPart.POSTGRESQL}",
            f"{prefix}-s3-endpoint": f"{destination.host}:{destination.port}"
            if destination.port
            else destination.host,
            f"{prefix}-s3-uri-style": "path",
            f"{prefix}-s3-bucket": bucket,
            f"{prefix}-s3-region": destination.credentials.s3_region or "us-east-1",
            f"{prefix}-s3-key": destination.credentials.s3_key,
            f"{prefix}-s3-key-secret": destination.credentials.s3_secret,
        }
    return options


def postgresql_settings(pgbackrest: Path) -> dict[str, str]:
    """PostgreSQL's settings by name. `archive_mode` needs a restart, the others a reload."""
    command = f"pgbackrest --config={pgbackrest} --stanza={STANZA} archive-push %p"
    return {
        "wal_level": "replica",
        "archive_mode": "on",
        "archive_command": command,
        "archive_timeout": f"{ARCHIVE_SECONDS}s",
    }


def postgresql_conf(pgbackrest: Path) -> str:
    """`postgresql_settings` as a file for `conf.d`."""
    lines = [f"{name} = '{value}'\n" for name, value in postgresql_settings(pgbackrest).items()]
    return "".join(["# Made by Madang: every change goes to the backups.\n", *lines])
