"""The pgBackRest command: configuration, backup, verification and restore of one cluster."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from madang.ops.backup import subprocesses
from madang.ops.backup.cluster import PostgresCluster, chown
from madang.ops.backup.destinations import Destination, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.pgbackrest_config import (
    LOCAL_REPOSITORY,
    STANZA,
    PgBackRestConfig,
    pgbackrest_conf,
)
from madang.ops.backup.subprocesses import ProgramFailed

FULL_EVERY: Final = timedelta(days=6, hours=12)
"""Age at which a full backup is replaced: one a week, incremental backups between."""

REPOSITORY_MODE: Final = 0o750
"""Mode of the folders that pgBackRest makes itself."""

PASSABLE: Final = 0o711
"""Mode of a folder that others may pass, but not read."""

BLOCK_INCREMENTAL_SINCE: Final = (2, 46)
"""First release with block-incremental backups that are not experimental."""

_UNKNOWN_OPTION: Final = 31
"""Exit code for an option that the installed release lacks."""


@dataclass(frozen=True, slots=True)
class PgBackRest:
    """Commands on `cluster` with the file `configuration`, run as the cluster's owner.

    Repositories are given by number. Every method may raise BackupError.
    """

    cluster: PostgresCluster
    configuration: Path

    def create_stanza(self) -> None:
        """Create the repositories of the configuration where they are missing."""
        self._run("stanza-create")

    def archived_cluster(self) -> str:
        """Return the system identifier of the cluster that the local repository is of."""
        output = self._run("info", f"--repo={LOCAL_REPOSITORY}", "--output=json")
        return str(json.loads(output)[0]["db"][-1]["system-id"])

    def upgrade_stanza(self) -> None:
        """Continue the repositories with another cluster, such as one of a newer PostgreSQL.

        The next backup is a full one, whatever was asked for; older backups stay.
        """
        self._run("stanza-upgrade")

    def back_up(self, number: int) -> None:
        """Take an incremental backup, or a full one where the last is older than FULL_EVERY."""
        full = [each for each in self.backups(number) if each["type"] == "full"]
        due = True
        if full:
            stopped = datetime.fromtimestamp(full[-1]["timestamp"]["stop"], UTC)
            due = datetime.now(UTC) - stopped > FULL_EVERY
        self._run("backup", f"--repo={number}", f"--type={'full' if due else 'incr'}")

    def backups(self, number: int) -> list[dict[str, Any]]:
        """Return the backups as `info` describes them, oldest first."""
        output = self._run("info", f"--repo={number}", "--output=json")
        found: list[dict[str, Any]] = json.loads(output)[0].get("backup", [])
        return found

    def restore(self, number: int, options: Sequence[str]) -> None:
        """Restore into the cluster's folder."""
        self._run("restore", f"--repo={number}", f"--pg1-path={self.cluster.folder}", *options)

    def verify(self, number: int, destination: Destination) -> None:
        """Compare every file with its checksum. Raises NotVerified."""
        try:
            output = self._run("verify", f"--repo={number}", "--output=text", "--verbose")
        except ProgramFailed as error:
            if error.code == _UNKNOWN_OPTION:
                return  # an old release: the restored files are compared all the same
            raise
        # The command exits with 0 whatever it found.
        wrong = re.findall(r"status: (?!valid|ok)\w+|(?:missing|invalid|other): [1-9]\d*", output)
        if wrong:
            raise NotVerified(
                f"The repository {RepositoryPart.POSTGRESQL} at {destination.address} is damaged: "
                f"pgBackRest found {', '.join(dict.fromkeys(wrong))}.",
                mend="Keep this copy for now, check the disk, and take a new backup elsewhere.",
            )

    def _run(self, command: str, *options: str) -> str:
        where = [f"--config={self.configuration}", f"--stanza={STANZA}"]
        return subprocesses.run(
            ["pgbackrest", *where, *options, command], user=self.cluster.owner, cwd=Path("/")
        )


def configured_cluster(file: Path) -> Path | None:
    """Return the cluster's folder in the configuration `file`; None where it has none.

    Raises BackupError.
    """
    try:
        found = re.search(r"^pg1-path=(.+)$", file.read_text(), re.MULTILINE)
    except OSError as error:
        raise BackupError(
            f"pgBackRest's {file} cannot be read: {error.strerror}.",
            mend="Run this as PostgreSQL's user or as root.",
        ) from None
    return Path(found[1]) if found else None


def write_configuration(
    file: Path, config: PgBackRestConfig, password_file: Path, cluster: PostgresCluster
) -> None:
    """Write `file` for the cluster's owner alone, and make the folders that it names.

    Raises BackupError.
    """
    owner = cluster.owner
    try:
        text = pgbackrest_conf(config, password_file.read_text().strip())
        for folder in (config.spool, config.local.folder(RepositoryPart.POSTGRESQL)):
            if not folder.exists():
                make_parents(folder)
                folder.mkdir()
                folder.chmod(REPOSITORY_MODE)
                chown(folder, owner)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(text)
        chown(file, owner)
    except OSError as error:
        raise BackupError(
            f"pgBackRest's {file} cannot be written: {error.strerror}.",
            mend="Set backup.pgbackrest_config, or give its folder to this user.",
        ) from None


def make_parents(folder: Path) -> None:
    """Make the folders above `folder`, which the cluster's owner must be able to pass whatever this
    process keeps from others (umask). Raises OSError."""
    for above in reversed(folder.parents):
        if not above.exists():
            above.mkdir()
            above.chmod(PASSABLE)


def supports_block_incremental() -> bool:
    """Return true if the installed release has block-incremental backups. Raises BackupError."""
    # `pgBackRest 2.45`, perhaps with a third part or a suffix.
    output = subprocesses.run(["pgbackrest", "version"])
    release = tuple(int(part) for part in re.findall(r"\d+", output)[:2])
    return release >= BLOCK_INCREMENTAL_SINCE
