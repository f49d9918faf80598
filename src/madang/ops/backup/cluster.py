"""PostgreSQL servers and clusters on this machine: queries over the socket, start and stop."""

from __future__ import annotations

import os
import re
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
from madang.ops.backup.subprocesses import ProgramFailed, UnixUser

SOCKETS: Final = "/var/run/postgresql"
"""Socket folder of the packages of Debian and Ubuntu."""

PORT: Final = 5432

PROGRAMS: Final = Path("/usr/lib/postgresql")
"""Folder of the programs of each major version, in the packages of Debian and Ubuntu."""

RECOVERY_SECONDS: Final = 6 * 3600.0
"""Limit for the replay of write-ahead log; that of a busy day takes minutes."""

LOG: Final = "startup.log"
START_SECONDS: Final = 600
STABLE_FORMATS: Final = "SET timezone='UTC'; SET datestyle='ISO'; SET extra_float_digits=1; "
"""Session settings that give a row the same text on every server."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server: socket folder, port, database, and the user that connects."""

    sockets: str
    port: int
    database: str
    owner: UnixUser | None

    def query(self, query: str) -> str:
        """Return the first value of the first row as text. Raises ProgramFailed, BackupError."""
        return subprocesses.run(
            [
                *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align"),
                *("--no-password", "--set", "ON_ERROR_STOP=1", "--file", "-"),
                *("--host", self.sockets, "--port", str(self.port), "--dbname", self.database),
            ],
            stdin=STABLE_FORMATS + query,
            user=self.owner,
            cwd=Path("/"),
        ).strip()

    def wait_for_end_of_recovery(self) -> None:
        """Wait until the server accepts writes. Raises BackupError."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                if self.query("SELECT pg_is_in_recovery()") == "f":
                    return
            except ProgramFailed as error:
                if (
                    "not accepting connections" not in error.output
                    and "starting up" not in error.output
                ):
                    raise
            if time.monotonic() > deadline:
                raise BackupError(
                    "PostgreSQL still plays changes back.", mend="Look at its log; it may go on."
                )
            time.sleep(0.2)


@dataclass(frozen=True, slots=True)
class PostgresCluster:
    """A data folder and the commands that start and stop its server."""

    folder: Path
    version: int
    """Major version: 14, 15, and so on."""

    @property
    def owner(self) -> UnixUser | None:
        """Owner of the folder, where this process is root."""
        return UnixUser.owning(self.folder)

    def start(self, log: Path | None = None, *options: str) -> None:
        """Start the server and wait for it. `options` are those of postgres. Raises BackupError."""
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
        """Stop the server if it runs. Raises BackupError."""
        if not (self.folder / "postmaster.pid").exists():
            return
        if self._managed:
            self._manage("stop")
        else:
            with suppress(ProgramFailed):  # already gone, with its file left behind
                self._pg_ctl("stop", "-m", mode)

    @property
    def _managed(self) -> bool:
        """True for a cluster of Debian's tools: /var/lib/postgresql/VERSION/NAME."""
        version, name = self.folder.parts[-2:]
        return Path("/etc/postgresql", version, name, "postgresql.conf").is_file()

    def _manage(self, what: str) -> None:
        version, name = self.folder.parts[-2:]
        if os.geteuid() == 0 and Path("/run/systemd/system").is_dir():
            subprocesses.run(["systemctl", what, f"postgresql@{version}-{name}"])
        else:
            subprocesses.run(["pg_ctlcluster", version, name, what], user=self.owner, cwd=Path("/"))

    def _pg_ctl(self, *arguments: str) -> None:
        own = PROGRAMS / str(self.version) / "bin" / "pg_ctl"
        program = str(own) if own.is_file() else subprocesses.find_program("pg_ctl")
        subprocesses.run(
            [program, "-D", str(self.folder), "-w", *arguments], user=self.owner, cwd=Path("/")
        )


def installed_versions() -> list[int]:
    """Return the major versions of PostgreSQL on this machine. Raises BackupError."""
    found = {
        int(program.parts[-3])
        for program in PROGRAMS.glob("*/bin/postgres")
        if program.parts[-3].isdigit()
    }
    with suppress(BackupError):  # of other packages than those of Debian and Ubuntu
        said = subprocesses.run(["pg_ctl", "--version"])
        found |= {int(number) for number in re.findall(r"\) (\d+)", said)}
    return sorted(found)


@contextmanager
def scratch_server(cluster: PostgresCluster, database: str) -> Iterator[PostgresServer]:
    """Start a minimal server on a restored copy, reachable by its owner alone."""
    # A socket address has at most 107 bytes, too few for a path in the scratch folder.
    sockets = Path(mkdtemp(prefix="madang-"))
    try:
        access, nothing = sockets / "hba.conf", sockets / "empty.conf"
        access.write_text("local all all trust\n")
        nothing.write_text("")
        owner = cluster.owner
        for path in (access, nothing, sockets):
            chown(path, owner)
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


def chown(path: Path, owner: UnixUser | None) -> None:
    """Give `path` to `owner`; do nothing for None."""
    if owner is not None:
        os.chown(path, owner.uid, owner.gid)
