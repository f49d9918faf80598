"""PostgreSQL as seen by the user it runs as: asked through its socket, started and stopped."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from madang.ops.backup import subprocesses
from madang.ops.backup.errors import BackupError
from madang.ops.backup.subprocesses import Owner, ProgramFailed

SOCKETS: Final = "/var/run/postgresql"
"""Where Debian's and Ubuntu's packages put the sockets."""

PORT: Final = 5432

RECOVERY_SECONDS: Final = 6 * 3600.0
"""How long playing the changes since the last backup may take: a day of a busy station's is done
in minutes."""

LOG: Final = "startup.log"
START_SECONDS: Final = 600
STEADY: Final = "SET timezone='UTC'; SET datestyle='ISO'; SET extra_float_digits=1; "
"""So that a row has the same text wherever it is read."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server that runs: its socket's folder, port, database, and who asks it."""

    sockets: str
    port: int
    database: str
    owner: Owner | None

    def ask(self, query: str) -> str:
        """The first value of the first row, as text. Raises ProgramFailed, BackupError."""
        return subprocesses.run(
            [
                *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--no-password", "--set", "ON_ERROR_STOP=1", "--file", "-"),
                *("--host", self.sockets, "--port", str(self.port), "--dbname", self.database),
            ],
            stdin=STEADY + query,
            owner=self.owner,
            cwd=Path("/"),
        ).strip()

    def wait_for_end_of_recovery(self) -> None:
        """Wait until the server takes changes. Raises BackupError."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                if self.ask("SELECT pg_is_in_recovery()") == "f":
                    return
            except ProgramFailed as error:
                if (
                    "not accepting connections" not in error.said
                    and "starting up" not in error.said
                ):
                    raise
            if time.monotonic() > deadline:
                raise BackupError(
                    "PostgreSQL still plays changes back.", mend="Look at its log; it may go on."
                )
            time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """A data folder with whatever starts and stops its server."""

    folder: Path
    server: int
    """Its version: 14, 15, and so on."""

    @property
    def owner(self) -> Owner | None:
        """Who it belongs to, where this process is root."""
        return Owner.of(self.folder)

    def start(self, log: Path | None = None, *options: str) -> None:
        """Start the server and wait for it; `options` as for postgres. Raises BackupError."""
        if self._managed and not options:
            self._manage("start")
            return
        self._pg_ctl(
            "start",
            "-t",
            str(START_SECONDS),
            "-l",
            str(log or self.folder / LOG),
            "-o",
            " ".join(options),
        )

    def stop(self, *, mode: str = "fast") -> None:
        """Stop the server, if it runs. Raises BackupError."""
        if not (self.folder / "postmaster.pid").exists():
            return
        if self._managed:
            self._manage("stop")
        else:
            with suppress(ProgramFailed):  # it left its file behind, but is gone
                self._pg_ctl("stop", "-m", mode)

    @property
    def _managed(self) -> bool:
        """Whether it is one of Debian's clusters, /var/lib/postgresql/VERSION/NAME."""
        version, name = self.folder.parts[-2:]
        return Path("/etc/postgresql", version, name, "postgresql.conf").is_file()

    def _manage(self, what: str) -> None:
        version, name = self.folder.parts[-2:]
        if os.geteuid() == 0 and Path("/run/systemd/system").is_dir():
            subprocesses.run(["systemctl", what, f"postgresql@{version}-{name}"])
        else:
            subprocesses.run(
                ["pg_ctlcluster", version, name, what], owner=self.owner, cwd=Path("/")
            )

    def _pg_ctl(self, *arguments: str) -> None:
        own = Path("/usr/lib/postgresql", str(self.server), "bin", "pg_ctl")
        program = str(own) if own.is_file() else subprocesses.find("pg_ctl")
        subprocesses.run(
            [program, "-D", str(self.folder), "-w", *arguments], owner=self.owner, cwd=Path("/")
        )


@contextmanager
def scratch_server(cluster: PostgresCluster, database: str) -> Iterator[PostgresServer]:
    """A server on a restored copy, reachable by its owner alone, as small as it can be."""
    # A socket's address has at most 107 bytes: it cannot stand in the scratch folder.
    sockets = Path(mkdtemp(prefix="madang-"))
    try:
        access, nothing = sockets / "hba.conf", sockets / "empty.conf"
        access.write_text("local all all trust\n")
        nothing.write_text("")
        owner = cluster.owner
        for path in (access, nothing, sockets):
            give_to(path, owner)
        settings = {
            "config_file": nothing,
            "hba_file": access,
            "ident_file": nothing,
            "listen_addresses": "",
            "unix_socket_directories": sockets,
            "port": PORT,
            "archive_mode": "off",
            "hot_standby": "off",
            "fsync": "off",
            "ssl": "off",
            "shared_preload_libraries": "",
            "shared_buffers": "64MB",
        }
        cluster.start(
            sockets / "log", *(f"-c {name}='{value}'" for name, value in settings.items())
        )
        try:
            server = PostgresServer(str(sockets), PORT, database, owner)
            server.wait_for_end_of_recovery()
            yield server
        finally:
            cluster.stop(mode="immediate")
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


def give_to(path: Path, owner: Owner | None) -> None:
    """Make `path` belong to `owner`, where that is somebody else."""
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
