"""PostgreSQL's side of backups: pgBackRest keeps the cluster and every change since."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pwd import getpwnam
from tempfile import mkdtemp
from typing import Any, Final

from madang.ops.backup import subprocesses
from madang.ops.backup.cluster import (
    PORT,
    SOCKETS,
    PostgresCluster,
    PostgresServer,
    give_to,
    scratch_server,
)
from madang.ops.backup.destinations import Destination, DestinationKind, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import Content, DatabaseBackup, Plan
from madang.ops.backup.pgbackrest_config import (
    BLOCK,
    LOCAL_REPOSITORY,
    OFFSITE_REPOSITORY,
    STANZA,
    Archive,
    natively_offsite,
    pgbackrest_conf,
    postgresql_settings,
)
from madang.ops.backup.postgresql_queries import content, mark, tables, wait_until_archived
from madang.ops.backup.sftp_mirror import Mirror
from madang.ops.backup.subprocesses import Owner, ProgramFailed

FULL_EVERY: Final = timedelta(days=6, hours=12)
"""A full backup a week; between them, what changed since the day before."""

USER: Final = "postgres"
"""Who Debian's and Ubuntu's packages run PostgreSQL as."""

REPOSITORY_MODE: Final = 0o750
"""As pgBackRest makes folders itself."""

UNKNOWN_OPTION: Final = 31
"""pgBackRest's exit code for an option that this release does not have."""


class PostgresqlDatabase:
    """A cluster on this machine, backed up by pgBackRest. See `render` for its configuration.

    Runs as the cluster's owner, or as root, which becomes that user for each program.
    """

    engine = "postgresql"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sockets, self._port, self._name = _address(plan.database_url)

    # --- taking ---

    def take(self, identifier: str, stage: Path) -> DatabaseBackup:
        server, cluster = self._running()
        self._configure(cluster)
        self._require_archiving(server)
        failed: dict[str, str] = {}
        for number, place in self._repositories().items():
            try:
                self._back_up(cluster, number)
            except BackupError as error:
                if number == LOCAL_REPOSITORY:
                    raise
                failed[place.name] = str(error)
        newest = self._info(cluster, LOCAL_REPOSITORY)[-1]
        second = OFFSITE_REPOSITORY in self._repositories() and not failed
        offsite = self._info(cluster, OFFSITE_REPOSITORY)[-1]["label"] if second else ""
        before = content(server)
        segment = mark(server, identifier)
        after = content(server)
        wait_until_archived(server, segment)
        return DatabaseBackup(
            self.engine,
            before,
            Content(after.rows, after.checksums, identifier),
            int(newest["info"]["size"]),
            label=str(newest["label"]),
            offsite_label=str(offsite),
            server=cluster.server,
            cluster=str(cluster.folder),
            failed=failed,
        )

    def send(self, place: Destination, taken: DatabaseBackup) -> None:
        if place.name in taken.failed:
            raise BackupError(taken.failed[place.name])
        if place.kind is DestinationKind.SFTP:
            self.mirror(place).send()

    def mirror(self, place: Destination) -> Mirror:
        """The copy of the repository at an SFTP server."""
        return Mirror(place, self._local.folder(RepositoryPart.POSTGRESQL), self._plan.folder)

    # --- proving ---

    def rehearse(
        self, taken: DatabaseBackup, stage: Path, scratch: Path, place: Destination
    ) -> Content:
        given = Path(taken.cluster)
        owner = Owner.of(given) if given.exists() else None
        if owner is not None:
            # Root's own scratch folder is closed to the user that PostgreSQL runs as.
            scratch = Path(mkdtemp(prefix=".madang-", dir=given.parent))
        try:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            give_to(scratch, owner)
            return self._rehearse(taken, scratch, place, owner)
        except ProgramFailed as error:
            raise NotVerified(
                f"The database at {place.shown} is damaged: {error.message}",
                mend="Restore another: madang backup list",
            ) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _rehearse(
        self, taken: DatabaseBackup, scratch: Path, place: Destination, owner: Owner | None
    ) -> Content:
        cluster = _empty_cluster(scratch / "cluster", taken, owner)
        number, configuration = self._number(place), self._configuration
        if place.kind is DestinationKind.SFTP:
            self._fetch(place, scratch / RepositoryPart.POSTGRESQL, owner)
            configuration = scratch / "pgbackrest.conf"
            copy = Destination("local", DestinationKind.FOLDER, str(scratch))
            self._write_configuration(configuration, cluster, copy, None, owner)
        self._verify(configuration, number, cluster, place)
        how = [*_exactly(taken, number), "--archive-mode=off"]
        self._restore(configuration, cluster, number, how)
        with scratch_server(cluster, self._name) as server:
            return content(server)

    def _verify(
        self, configuration: Path, number: int, cluster: PostgresCluster, place: Destination
    ) -> None:
        """Compare every file of the repository with its sum. Raises NotVerified."""
        how = ["verify", f"--repo={number}", "--output=text", "--verbose"]
        try:
            said = self._pgbackrest(cluster, *how, configuration=configuration)
        except ProgramFailed as error:
            if error.code == UNKNOWN_OPTION:
                return  # an old release: what is restored is compared all the same
            raise
        # The command ends with 0 whatever it found.
        wrong = re.findall(r"status: (?!valid|ok)\w+|(?:missing|invalid|other): [1-9]\d*", said)
        if wrong:
            raise NotVerified(
                f"The repository {RepositoryPart.POSTGRESQL} at {place.shown} is damaged: "
                f"pgBackRest found {', '.join(dict.fromkeys(wrong))}.",
                mend="Keep this copy for now, check the disk, and take a new backup elsewhere.",
            )

    # --- bringing back ---

    def occupied(self) -> str | None:
        with suppress(BackupError):
            return f"the database {self._name}" if tables(self._server()) else None
        folder = self._plan.cluster
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            return f"the cluster {folder}, whose server does not answer"
        return None

    def restore(
        self, taken: DatabaseBackup, stage: Path, place: Destination, *, exactly: str
    ) -> list[str]:
        folder = self._plan.cluster or Path(taken.cluster)
        owner = _owner_to_be(folder)
        repository = self._local.folder(RepositoryPart.POSTGRESQL)
        number = self._number(place)
        notes = []
        # A near copy that has never seen this backup is another station's, or of an empty one.
        if (
            place.kind is DestinationKind.SFTP
            and not (repository / "backup" / STANZA / taken.label).is_dir()
        ):
            if repository.exists():
                aside = _aside(repository)
                repository.rename(aside)
                notes.append(f"PostgreSQL's near copy that was there before is in {aside}.")
            self._fetch(place, repository, owner)
        if folder.is_dir() and any(folder.iterdir()):
            PostgresCluster(folder, taken.server).stop()
            aside = _aside(folder)
            folder.rename(aside)
            notes.append(f"The cluster that was there before is in {aside}.")
        cluster = _empty_cluster(folder, taken, owner)
        if not self._configuration.exists():
            offsite = place if number == OFFSITE_REPOSITORY else self._offsite
            self._write_configuration(self._configuration, cluster, self._local, offsite, owner)
        how = _exactly(taken, number) if exactly else []
        self._restore(self._configuration, cluster, number, how)
        cluster.start()
        self._server().wait_for_end_of_recovery()
        return notes

    def _restore(
        self, configuration: Path, cluster: PostgresCluster, number: int, how: Sequence[str]
    ) -> None:
        into = [f"--repo={number}", f"--pg1-path={cluster.folder}"]
        self._pgbackrest(cluster, "restore", *into, *how, configuration=configuration)

    def _fetch(self, place: Destination, into: Path, owner: Owner | None) -> None:
        self.mirror(place).fetch(into)
        into.chmod(REPOSITORY_MODE)  # SFTP brings the one that it had there
        for path in (into, *into.rglob("*")):
            give_to(path, owner)

    # --- what all of them need ---

    @property
    def _local(self) -> Destination:
        for place in self._plan.places:
            if place.name == "local" and place.kind is DestinationKind.FOLDER:
                return place
        raise BackupError(
            "PostgreSQL needs a near copy for its archive.", mend="Set backup.local to file:///PATH"
        )

    @property
    def _offsite(self) -> Destination | None:
        return next((place for place in self._plan.places if place.name == "offsite"), None)

    @property
    def _configuration(self) -> Path:
        return self._plan.pgbackrest or self._plan.folder / "pgbackrest.conf"

    def _number(self, place: Destination) -> int:
        """The repository that serves `place`; a copy at an SFTP server is fetched and local."""
        other = place.name != "local" and natively_offsite(place)
        return OFFSITE_REPOSITORY if other else LOCAL_REPOSITORY

    def _repositories(self) -> dict[int, Destination]:
        found = {LOCAL_REPOSITORY: self._local}
        if self._offsite is not None and natively_offsite(self._offsite):
            found[OFFSITE_REPOSITORY] = self._offsite
        return found

    def _server(self) -> PostgresServer:
        socket = Path(self._sockets) / f".s.PGSQL.{self._port}"
        return PostgresServer(
            self._sockets, self._port, self._name, Owner.of(socket) if socket.exists() else None
        )

    def _running(self) -> tuple[PostgresServer, PostgresCluster]:
        server = self._server()
        try:
            version = int(server.ask("SHOW server_version_num")) // 10_000
            folder = self._plan.cluster or Path(server.ask("SHOW data_directory"))
        except ProgramFailed as error:
            raise BackupError(
                f"PostgreSQL does not answer: {error.message}",
                mend="Is it running, and is this its user, or root?",
            ) from None
        return server, PostgresCluster(folder, version)

    def _require_archiving(self, server: PostgresServer) -> None:
        archiving = server.ask(
            "SELECT current_setting('archive_mode') || ' ' || current_setting('archive_command')"
        )
        if not archiving.startswith(("on ", "always ")) or STANZA not in archiving:
            wanted = postgresql_settings(self._configuration)
            shown = ", ".join(f"{name} = '{value}'" for name, value in wanted.items())
            raise BackupError(
                "PostgreSQL does not archive its changes.",
                mend=f"Put into postgresql.conf and restart it: {shown}",
            )

    def _configure(self, cluster: PostgresCluster) -> None:
        """Write pgBackRest's configuration where there is none, and begin its repositories."""
        owner = cluster.owner
        if not self._configuration.exists():
            self._write_configuration(
                self._configuration, cluster, self._local, self._offsite, owner
            )
        began = self._local.folder(RepositoryPart.POSTGRESQL) / "backup" / STANZA / "backup.info"
        if not began.exists() or OFFSITE_REPOSITORY in self._repositories():
            self._pgbackrest(cluster, "stanza-create")

    def _write_configuration(
        self,
        file: Path,
        cluster: PostgresCluster,
        local: Destination,
        offsite: Destination | None,
        owner: Owner | None,
    ) -> None:
        spool = Path(local.path) / "spool"
        archive = Archive(
            cluster.folder,
            self._sockets,
            self._port,
            local,
            offsite,
            self._plan.keep,
            spool,
            block=_release() >= BLOCK,
        )
        try:
            text = pgbackrest_conf(archive, self._plan.password_file.read_text().strip())
            for folder in (spool, local.folder(RepositoryPart.POSTGRESQL)):
                if not folder.exists():
                    folder.mkdir(mode=REPOSITORY_MODE, parents=True)
                    give_to(folder, owner)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(text)
            give_to(file, owner)
        except OSError as error:
            raise BackupError(
                f"pgBackRest's {file} cannot be written: {error.strerror}.",
                mend="Set backup.pgbackrest_config, or give its folder to this user.",
            ) from None

    def _back_up(self, cluster: PostgresCluster, number: int) -> None:
        fulls = [each for each in self._info(cluster, number) if each["type"] == "full"]
        old = True
        if fulls:
            stopped = datetime.fromtimestamp(fulls[-1]["timestamp"]["stop"], UTC)
            old = datetime.now(UTC) - stopped > FULL_EVERY
        kind = "full" if old else "incr"
        self._pgbackrest(cluster, "backup", f"--repo={number}", f"--type={kind}")

    def _info(self, cluster: PostgresCluster, number: int) -> list[dict[str, Any]]:
        said = self._pgbackrest(cluster, "info", f"--repo={number}", "--output=json")
        found: list[dict[str, Any]] = json.loads(said)[0].get("backup", [])
        return found

    def _pgbackrest(
        self,
        cluster: PostgresCluster,
        command: str,
        *options: str,
        configuration: Path | None = None,
    ) -> str:
        where = [f"--config={configuration or self._configuration}", f"--stanza={STANZA}"]
        return subprocesses.run(
            ["pgbackrest", *where, *options, command], owner=cluster.owner, cwd=Path("/")
        )


def _release() -> tuple[int, ...]:
    """pgBackRest's version: `pgBackRest 2.45`, perhaps with a third part or a suffix."""
    said = subprocesses.run(["pgbackrest", "version"])
    return tuple(int(part) for part in re.findall(r"\d+", said)[:2])


def _exactly(taken: DatabaseBackup, number: int) -> list[str]:
    """Options that end recovery at the restore point of a backup."""
    label = taken.label if number == LOCAL_REPOSITORY else taken.offsite_label
    target = f"--target={taken.after.marker}"
    return ["--type=name", target, "--target-action=promote", f"--set={label}"]


def _aside(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.before-restore-{int(time.time())}")


def _empty_cluster(folder: Path, taken: DatabaseBackup, owner: Owner | None) -> PostgresCluster:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        give_to(folder, owner)
    return PostgresCluster(folder, taken.server)


def _owner_to_be(folder: Path) -> Owner | None:
    """Who PostgreSQL runs as on a machine where its folder may be gone."""
    if folder.exists():
        return Owner.of(folder)
    if os.geteuid() != 0:
        return None
    try:
        entry = getpwnam(USER)
    except KeyError:
        raise BackupError(
            "PostgreSQL is not installed.", mend="Install it: apt install postgresql"
        ) from None
    return Owner(entry.pw_uid, entry.pw_gid)


def _address(url: str) -> tuple[str, int, str]:
    """Folder of the socket, port and database of a PostgreSQL address."""
    # Loaded where it is needed: a station on SQLite would wait a tenth of a second for it.
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(url)
    host = str(given.get("host") or "")
    sockets = host if host.startswith("/") else SOCKETS
    return sockets, int(given.get("port") or PORT), str(given.get("dbname") or "madang")
