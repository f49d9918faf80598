"""The Database port on PostgreSQL: pgBackRest keeps the cluster and its WAL archive."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from pwd import getpwnam
from tempfile import mkdtemp

from madang.ops.backup.cluster import (
    PORT,
    SOCKETS,
    PostgresCluster,
    PostgresServer,
    chown,
    installed_versions,
    scratch_server,
)
from madang.ops.backup.destinations import Destination, DestinationKind, RepositoryPart
from madang.ops.backup.errors import BackupError, NotVerified
from madang.ops.backup.model import BackupPlan, DatabaseBackup, DatabaseContent
from madang.ops.backup.pgbackrest import (
    REPOSITORY_MODE,
    PgBackRest,
    configured_cluster,
    make_parents,
    supports_block_incremental,
    write_configuration,
)
from madang.ops.backup.pgbackrest_config import (
    LOCAL_REPOSITORY,
    OFFSITE_REPOSITORY,
    POSTGRESQL_USER,
    STANZA,
    PgBackRestConfig,
    is_native,
    postgresql_settings,
)
from madang.ops.backup.postgresql_queries import (
    read_content,
    table_names,
    wait_until_archived,
    write_marker,
)
from madang.ops.backup.sftp_mirror import SftpMirror
from madang.ops.backup.subprocesses import ProgramFailed, UnixUser


class PostgresqlDatabase:
    """A cluster on this machine, backed up by pgBackRest.

    Run as the cluster's owner, or as root, which starts each program as that user.
    """

    engine = "postgresql"

    def __init__(self, plan: BackupPlan) -> None:
        self._plan = plan
        self._sockets, self._port, self._name = _address(plan.database_url)

    def back_up(self, identifier: str, staging: Path) -> DatabaseBackup:
        server, cluster = self._running_server()
        pgbackrest = self._configured(server, cluster)
        self._require_archiving(server)
        failed: dict[str, str] = {}
        for number, destination in self._repositories().items():
            try:
                pgbackrest.back_up(number)
            except BackupError as error:
                if number == LOCAL_REPOSITORY:
                    raise
                failed[destination.name] = str(error)
        newest = pgbackrest.backups(LOCAL_REPOSITORY)[-1]
        in_offsite = OFFSITE_REPOSITORY in self._repositories() and not failed
        offsite = pgbackrest.backups(OFFSITE_REPOSITORY)[-1]["label"] if in_offsite else ""
        before = read_content(server)
        segment = write_marker(server, identifier)
        after = read_content(server)
        wait_until_archived(server, segment)
        return DatabaseBackup(
            self.engine,
            before,
            DatabaseContent(after.rows, after.checksums, identifier),
            int(newest["info"]["size"]),
            label=str(newest["label"]),
            offsite_label=str(offsite),
            server=cluster.version,
            cluster=str(cluster.folder),
            failed=failed,
        )

    def upload(self, destination: Destination, backup: DatabaseBackup) -> None:
        if destination.name in backup.failed:
            raise BackupError(backup.failed[destination.name])
        if destination.kind is DestinationKind.SFTP:
            self.mirror(destination).upload()

    def mirror(self, destination: Destination) -> SftpMirror:
        """Return the copy of the repository on an SFTP server."""
        return SftpMirror(
            destination, self._local.folder(RepositoryPart.POSTGRESQL), self._plan.folder
        )

    def verify_restore(
        self, backup: DatabaseBackup, staging: Path, scratch: Path, destination: Destination
    ) -> DatabaseContent:
        original = Path(backup.cluster)
        owner = UnixUser.owning(original) if original.exists() else None
        if owner is not None:
            # PostgreSQL's user cannot enter root's scratch folder.
            scratch = Path(mkdtemp(prefix=".madang-", dir=original.parent))
        try:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            chown(scratch, owner)
            return self._verify_restore(backup, scratch, destination, owner)
        except ProgramFailed as error:
            raise NotVerified(
                f"The database at {destination.address} is damaged: {error.message}",
                mend="Restore another: madang backup list",
            ) from None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _verify_restore(
        self,
        backup: DatabaseBackup,
        scratch: Path,
        destination: Destination,
        owner: UnixUser | None,
    ) -> DatabaseContent:
        self.require_server(backup)
        cluster = _empty_cluster(scratch / "cluster", backup, owner)
        number = self._repository_number(destination)
        pgbackrest = PgBackRest(cluster, self._configuration)
        if destination.kind is DestinationKind.SFTP:
            self._download(destination, scratch / RepositoryPart.POSTGRESQL, owner)
            copy = Destination("local", DestinationKind.FOLDER, str(scratch))
            pgbackrest = self._pgbackrest(scratch / "pgbackrest.conf", cluster, copy, None)
        pgbackrest.verify(number, destination)
        pgbackrest.restore(number, [*_recovery_target(backup, number), "--archive-mode=off"])
        with scratch_server(cluster, self._name) as server:
            return read_content(server)

    def existing_data(self) -> str | None:
        with suppress(BackupError):
            return f"the database {self._name}" if table_names(self._server()) else None
        folder = self._plan.cluster
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            return f"the cluster {folder}, whose server does not answer"
        return None

    def require_server(self, backup: DatabaseBackup) -> None:
        here = installed_versions()
        if backup.server not in here:
            raise BackupError(
                f"The backup is of PostgreSQL {backup.server}, and here is "
                f"{' and '.join(map(str, here)) or 'none'}.",
                mend=f"Install postgresql-{backup.server} first, or take a machine whose "
                "distribution has it; nothing was changed. An upgrade comes after the restore.",
            )

    def restore(
        self, backup: DatabaseBackup, staging: Path, destination: Destination, *, target_id: str
    ) -> list[str]:
        folder = self._plan.cluster or Path(backup.cluster)
        owner = _expected_owner(folder)
        repository = self._local.folder(RepositoryPart.POSTGRESQL)
        number = self._repository_number(destination)
        notes = []
        # A local repository without this backup belongs to another station or an empty one.
        if (
            destination.kind is DestinationKind.SFTP
            and not (repository / "backup" / STANZA / backup.label).is_dir()
        ):
            if repository.exists():
                aside = _aside_path(repository)
                repository.rename(aside)
                notes.append(f"PostgreSQL's near copy that was there before is in {aside}.")
            self._download(destination, repository, owner)
        if folder.is_dir() and any(folder.iterdir()):
            PostgresCluster(folder, backup.server).stop()
            aside = _aside_path(folder)
            folder.rename(aside)
            notes.append(f"The cluster that was there before is in {aside}.")
        cluster = _empty_cluster(folder, backup, owner)
        offsite = destination if number == OFFSITE_REPOSITORY else self._offsite
        pgbackrest = self._pgbackrest(self._configuration, cluster, self._local, offsite)
        pgbackrest.restore(number, _recovery_target(backup, number) if target_id else [])
        cluster.start()
        self._server().wait_for_end_of_recovery()
        return notes

    def _download(self, destination: Destination, into: Path, owner: UnixUser | None) -> None:
        make_parents(into)
        self.mirror(destination).download(into)
        into.chmod(REPOSITORY_MODE)  # SFTP keeps the mode of the server
        for path in (into, *into.rglob("*")):
            chown(path, owner)

    @property
    def _local(self) -> Destination:
        for destination in self._plan.destinations:
            if destination.name == "local" and destination.kind is DestinationKind.FOLDER:
                return destination
        raise BackupError(
            "PostgreSQL needs a near copy for its archive.", mend="Set backup.local to file:///PATH"
        )

    @property
    def _offsite(self) -> Destination | None:
        return next((each for each in self._plan.destinations if each.name == "offsite"), None)

    @property
    def _configuration(self) -> Path:
        return self._plan.pgbackrest or self._plan.folder / "pgbackrest.conf"

    def _repository_number(self, destination: Destination) -> int:
        """Return the repository for `destination`; a copy from an SFTP server is a local one."""
        other = destination.name != "local" and is_native(destination)
        return OFFSITE_REPOSITORY if other else LOCAL_REPOSITORY

    def _repositories(self) -> dict[int, Destination]:
        found = {LOCAL_REPOSITORY: self._local}
        if self._offsite is not None and is_native(self._offsite):
            found[OFFSITE_REPOSITORY] = self._offsite
        return found

    def _server(self) -> PostgresServer:
        socket = Path(self._sockets) / f".s.PGSQL.{self._port}"
        return PostgresServer(
            self._sockets,
            self._port,
            self._name,
            UnixUser.owning(socket) if socket.exists() else None,
        )

    def _running_server(self) -> tuple[PostgresServer, PostgresCluster]:
        server = self._server()
        try:
            version = int(server.query("SHOW server_version_num")) // 10_000
            folder = self._plan.cluster or Path(server.query("SHOW data_directory"))
        except ProgramFailed as error:
            raise BackupError(
                f"PostgreSQL does not answer: {error.message}",
                mend="Is it running, and is this its user, or root?",
            ) from None
        return server, PostgresCluster(folder, version)

    def _require_archiving(self, server: PostgresServer) -> None:
        archiving = server.query(
            "SELECT current_setting('archive_mode') || ' ' || current_setting('archive_command')"
        )
        if not archiving.startswith(("on ", "always ")) or STANZA not in archiving:
            settings = postgresql_settings(self._configuration)
            shown = ", ".join(f"{name} = '{value}'" for name, value in settings.items())
            raise BackupError(
                "PostgreSQL does not archive its changes.",
                mend=f"Put into postgresql.conf and restart it: {shown}",
            )

    def _configured(self, server: PostgresServer, cluster: PostgresCluster) -> PgBackRest:
        """Return the command with the station's configuration and its repositories, created or
        continued with this cluster."""
        file = self._configuration
        pgbackrest = self._pgbackrest(file, cluster, self._local, self._offsite)
        if configured_cluster(file) != cluster.folder:
            raise BackupError(
                f"PostgreSQL runs the cluster {cluster.folder}, and the backups are of "
                f"{configured_cluster(file)}.",
                mend=f"After an upgrade of PostgreSQL: madang deploy apply; or remove {file}, and "
                "run this again.",
            )
        info = self._local.folder(RepositoryPart.POSTGRESQL) / "backup" / STANZA / "backup.info"
        identifier = server.query("SELECT system_identifier FROM pg_control_system()")
        if info.exists() and pgbackrest.archived_cluster() != identifier:
            pgbackrest.upgrade_stanza()
        elif not info.exists() or OFFSITE_REPOSITORY in self._repositories():
            pgbackrest.create_stanza()
        return pgbackrest

    def _pgbackrest(
        self,
        file: Path,
        cluster: PostgresCluster,
        local: Destination,
        offsite: Destination | None,
    ) -> PgBackRest:
        """Return the command with the configuration `file`, written first if it is missing."""
        if not file.exists():
            config = PgBackRestConfig(
                cluster.folder,
                self._sockets,
                self._port,
                local,
                offsite,
                self._plan.retention,
                Path(local.path) / "spool",
                block=supports_block_incremental(),
            )
            write_configuration(file, config, self._plan.password_file, cluster)
        return PgBackRest(cluster, file)


def _recovery_target(backup: DatabaseBackup, number: int) -> list[str]:
    """Return the options that end recovery at the restore point of `backup`."""
    label = backup.label if number == LOCAL_REPOSITORY else backup.offsite_label
    target = f"--target={backup.after.marker}"
    return ["--type=name", target, "--target-action=promote", f"--set={label}"]


def _aside_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.before-restore-{int(time.time())}")


def _empty_cluster(folder: Path, backup: DatabaseBackup, owner: UnixUser | None) -> PostgresCluster:
    if not folder.exists():
        make_parents(folder)
        folder.mkdir(mode=0o700)
        chown(folder, owner)
    return PostgresCluster(folder, backup.server)


def _expected_owner(folder: Path) -> UnixUser | None:
    """Return the user of PostgreSQL, also where its folder is gone. Raises BackupError."""
    if folder.exists():
        return UnixUser.owning(folder)
    if os.geteuid() != 0:
        return None
    try:
        entry = getpwnam(POSTGRESQL_USER)
    except KeyError:
        raise BackupError(
            "PostgreSQL is not installed.", mend="Install it: apt install postgresql"
        ) from None
    return UnixUser(entry.pw_uid, entry.pw_gid)


def _address(url: str) -> tuple[str, int, str]:
    """Return the socket folder, port and database name of a PostgreSQL URL."""
    # Imported here: it takes 0.1 s, which a station on SQLite does not need.
    from psycopg.conninfo import conninfo_to_dict

    given = conninfo_to_dict(url)
    host = str(given.get("host") or "")
    sockets = host if host.startswith("/") else SOCKETS
    return sockets, int(given.get("port") or PORT), str(given.get("dbname") or "madang")
