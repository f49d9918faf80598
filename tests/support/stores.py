"""Real PostgreSQL and Redis servers for tests: on free ports, in temporary folders.

PostgreSQL refuses to run as root, so its server gets the user made by Debian.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.station import free_ports, until

PASSWORD = "a word of the test"
START_LIMIT = 20.0
"""Seconds until a server answers, on a machine that is busy with the rest of the suite."""


@dataclass
class Server:
    """A server that can be stopped, restarted or frozen, as in an outage."""

    url: str
    arguments: list[str]
    folder: Path
    answers: list[str]
    """Command that succeeds once the server answers."""
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run it, and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, cwd=self.folder, **as_service()
            )
        until(self._answers, f"{self.arguments[0]} answers", within=START_LIMIT)

    def stop(self) -> None:
        """Stop it in order; connections are closed."""
        if self.process is not None:
            self.process.send_signal(self.stop_signal)
            self.process.wait(START_LIMIT)
            self.process = None

    def kill(self) -> None:
        """Kill it and all its processes, as a power cut does."""
        assert self.process is not None
        self._signal(signal.SIGKILL)
        self.process.wait(START_LIMIT)
        self.process = None

    def freeze(self) -> None:
        """Freeze it: connections stay open without answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume it."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._family():
            with contextlib.suppress(ProcessLookupError):  # process that ended meanwhile
                os.kill(pid, number)

    def _family(self) -> list[int]:
        assert self.process is not None
        found = [self.process.pid]
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):  # process that ended meanwhile
                if f"\nPPid:\t{self.process.pid}\n" in status.read_text():
                    found.append(int(status.parent.name))
        return found

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        asked = subprocess.run(
            self.answers, env=os.environ | self.environment, capture_output=True, check=False
        )
        return asked.returncode == 0


def as_service() -> dict[str, Any]:
    """Return the user for a server: the current one, unless that is root."""
    if os.geteuid() != 0:
        return {}
    postgres = pwd.getpwnam("postgres")
    return {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def folder(name: str) -> Iterator[Path]:
    """Make a folder accessible to the servers' user, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix=f"madang-{name}-"))
    if (user := as_service()) != {}:
        os.chown(made, user["user"], user["group"])
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def postgresql() -> Iterator[Server]:
    """Run a PostgreSQL server with the database `madang`."""
    programs = postgresql_programs()
    with folder("postgresql") as place:
        (place / "password").write_text(PASSWORD)
        (port,) = free_ports(1)
        done = subprocess.run(
            [
                *(programs / "initdb", "--pgdata", place / "data", "--username", "madang"),
                *("--auth", "scram-sha-256", "--pwfile", place / "password", "--no-sync"),
                *("--encoding", "UTF8", "--locale", "C"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=place,
            **as_service(),
        )
        assert done.returncode == 0, done.stderr
        address = f"madang:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}"
        server = Server(
            url=f"postgresql://{address}/madang",
            arguments=[
                *(str(programs / "postgres"), "-D", str(place / "data"), "-p", str(port)),
                # Durability is not needed.
                *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=50"),
                *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={place}"),
            ],
            folder=place,
            answers=[
                *(str(programs / "psql"), "-h", "127.0.0.1", "-p", str(port)),
                *("-U", "madang", "-d", "postgres", "-c", "SELECT 1"),
            ],
            environment={"PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "2"},
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients
        )
        server.start()
        try:
            create_database(server, "madang")
            yield server
        finally:
            server.stop()


def create_database(server: Server, name: str) -> str:
    """Make an empty database; return its URL."""
    done = subprocess.run(
        [*server.answers[:-1], f'CREATE DATABASE "{name}"'],
        env=os.environ | server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return f"{server.url.rpartition('/')[0]}/{name}"


@contextlib.contextmanager
def redis() -> Iterator[Server]:
    """Run a Redis server without persistence."""
    with folder("redis") as place:
        (port,) = free_ports(1)
        server = Server(
            url=f"redis://127.0.0.1:{port}/0",
            arguments=[
                *("redis-server", "--port", str(port), "--bind", "127.0.0.1"),
                *("--save", "", "--appendonly", "no", "--dir", str(place)),
            ],
            folder=place,
            answers=["redis-cli", "-p", str(port), "-e", "PING"],
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


def postgresql_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    assert elsewhere is not None, "the package postgresql is not installed: script/setup --dev"
    return Path(elsewhere).resolve().parent
