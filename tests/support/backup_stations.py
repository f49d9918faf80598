"""Stations for tests of backups: one on each kind of database, with a common interface."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from madang.ops.backup.cluster import PostgresCluster
from madang.ops.backup.pgbackrest_config import postgresql_settings
from tests.support import backups
from tests.support.station import Station, free_ports
from tests.support.stores import as_service
from tests.support.stores import postgresql_programs as programs

CHANNELS = ("yard", "attic")


class BackupStation(Protocol):
    """A station with two channels."""

    data: Path
    settings: dict[str, str]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return rows of its database."""
        ...

    def database_files(self) -> list[Path]:
        """Return the files of the local backup that contain the database."""
        ...

    def lose(self) -> None:
        """Destroy the machine, and set up an empty one in its place."""
        ...


class SqliteStation:
    """A station with SQLite, in one folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.settings: dict[str, str] = {}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        return backups.ask(self.data, query)

    def database_files(self) -> list[Path]:
        return list((self.data / "backup/local/station/data").rglob("*"))

    def lose(self) -> None:
        shutil.rmtree(self.data)


class PostgresqlStation:
    """A station with a PostgreSQL cluster beside the data folder, which archives to a local copy.

    `folder` belongs to PostgreSQL's user. Changes are archived after one second instead of thirty,
    to shorten tests of data loss.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.cluster = folder / "cluster"
        (self.port,) = free_ports(1)
        self.url = f"postgresql://{user()}@/madang?host={folder}&port={self.port}"
        self.configuration = folder / "pgbackrest.conf"
        self.settings = {
            "DATABASE__URL": self.url,
            "BACKUP__LOCAL": f"file://{folder}/near",
            "BACKUP__PGBACKREST_CONFIG": str(self.configuration),
        }

    @property
    def server(self) -> PostgresCluster:
        """Control of the server process."""
        version = int(programs().parent.name)
        return PostgresCluster(self.cluster, version)

    def configure(self, **changes: str) -> None:
        """Write the server's settings, as an administrator does."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "port": str(self.port),
            "fsync": "off",
            "shared_buffers": "32MB",
            **postgresql_settings(self.configuration),
            "archive_timeout": "1s",
            **changes,
        }
        (self.cluster / "postgresql.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in settings.items())
        )

    def initialise(self) -> None:
        """Make an empty, configured cluster, start its server and create an empty database."""
        made = [str(programs() / "initdb"), "--pgdata", str(self.cluster), "--no-sync"]
        made += ["--auth", "trust", "--username", user()]
        subprocess.run(made, check=True, capture_output=True, cwd="/", **as_service())
        self.configure()
        self.server.start()
        with psycopg.connect(self.url.replace("/madang?", "/postgres?"), autocommit=True) as first:
            first.execute("CREATE DATABASE madang")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(query.encode())
            return found.fetchall() if found.description else []

    def database_files(self) -> list[Path]:
        return list((self.folder / "near/postgresql/backup/madang").glob("*F/bundle/*"))

    def kill(self) -> None:
        """Kill the server, as a power cut does; nothing if it does not run."""
        pid = int((self.cluster / "postmaster.pid").read_text().splitlines()[0])
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            return  # killed before, which leaves its file behind
        if str(self.cluster) not in command:
            return  # another process has its PID now
        for each in (pid, *_children(pid)):
            with contextlib.suppress(ProcessLookupError):  # ended with its parent
                os.kill(each, signal.SIGKILL)

    def lose(self) -> None:
        if (self.cluster / "postmaster.pid").exists():
            self.kill()
        for path in list(self.folder.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.initialise()


def user() -> str:
    """Return PostgreSQL's user, also the superuser of its clusters."""
    given = as_service()
    return pwd.getpwuid(given["user"]).pw_name if given else getpass.getuser()


@contextmanager
def own_folder() -> Iterator[Path]:
    """Make a folder with a short name (socket paths are limited), owned by PostgreSQL's user."""
    made = Path(tempfile.mkdtemp(prefix="madang-"))
    if given := as_service():
        os.chown(made, given["user"], given["group"])
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextmanager
def prepared_station() -> Iterator[PostgresqlStation]:
    """Make a station with channels on PostgreSQL, to be copied; its server does not run."""
    with own_folder() as folder:
        backup_station = PostgresqlStation(folder)
        backup_station.initialise()
        try:
            Station(backup_station.data, **backup_station.settings).open_channels(*CHANNELS)
        finally:
            backup_station.server.stop()
        (backup_station.data / "madang.toml").write_text('[station]\nname = "Courtyard TV"\n')
        yield backup_station


@contextmanager
def running_copy(furnished: PostgresqlStation) -> Iterator[PostgresqlStation]:
    """Copy the prepared station and run its server."""
    with own_folder() as folder:
        subprocess.run(["cp", "-a", f"{furnished.folder}/.", str(folder)], check=True)
        backup_station = PostgresqlStation(folder)
        backup_station.configure()
        backup_station.server.start()
        try:
            yield backup_station
        finally:
            backup_station.server.stop(mode="immediate")


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.append(int(status.parent.name))
        except OSError:
            continue  # process that ended meanwhile
    return found
