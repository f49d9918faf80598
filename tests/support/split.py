"""A station in several processes: `madang serve --role …` on PostgreSQL and Redis of its own.

Sockets can be passed as systemd does, so that a process can be replaced while clients connect.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from madang.station.config.data_folder import SECRET_FILE
from tests.support import stores
from tests.support.station import MADANG, ROOT, START_LIMIT, STOP_LIMIT, Station
from tests.support.stores import Server

_AS_SYSTEMD = """
import os, sys
count, names = int(sys.argv[1]), sys.argv[2]
os.environ |= {"LISTEN_FDS": str(count), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": names}
numbers = [int(number) for number in sys.argv[3].split(",")]
held = [os.dup(number) for number in numbers]
for index, number in enumerate(held):
    os.dup2(number, 3 + index)
    os.set_inheritable(3 + index, True)
os.closerange(3 + count, 256)
os.execv(sys.executable, [sys.executable, *sys.argv[4:]])
"""
"""Move sockets to the file descriptors of sd_listen_fds(3), then become the program."""


@dataclass
class Role:
    """One process of the station; `said` is its log so far."""

    role: str
    process: subprocess.Popen[str]
    log: Path
    http: str = ""
    rtmp: str = ""

    def stop(self) -> float:
        """Send SIGTERM; it must end in order. Return the seconds that it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_LIMIT)
        assert code == 0, f"{self.role}: exit code {code}; its log ends:\n{self.said()[-3000:]}"
        return time.monotonic() - began

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        self.process.wait(STOP_LIMIT)

    def said(self) -> str:
        """Log so far."""
        return self.log.read_text(errors="replace")


@dataclass
class Split:
    """Stores, data folder, and processes."""

    database: Server
    redis: Server
    station: Station
    roles: list[Role] = field(default_factory=list)

    def start(
        self,
        role: str,
        *options: str,
        data: Path | None = None,
        sockets: Mapping[str, socket.socket] | None = None,
        environment: Mapping[str, str] | None = None,
        port: int = 0,
    ) -> Role:
        """Start a role and wait for its `ready` line; with a data folder of its own, to which the
        first one's key is copied, it is on another machine."""
        folder = data or self.station.data
        if data is not None:
            data.mkdir(exist_ok=True)
            shutil.copy(self.station.data / SECRET_FILE, data)
        arguments = [*MADANG, "serve", "--role", role, "--data", str(folder), *options]
        if role != "worker":
            arguments += ["--http", f"127.0.0.1:{port}"]
        if role == "live":
            arguments += ["--rtmp", "127.0.0.1:0"]
        inherited: list[int] = []
        if sockets:
            inherited = [each.fileno() for each in sockets.values()]
            numbers = ",".join(map(str, inherited))
            as_systemd = [sys.executable, "-c", _AS_SYSTEMD, str(len(sockets)), ":".join(sockets)]
            arguments = [*as_systemd, numbers, *arguments[1:]]
        log = self.station.data.with_name(f"{role}-{len(self.roles)}.log")
        with log.open("a") as errors:
            process = subprocess.Popen(
                arguments,
                cwd=ROOT,
                env=self.station.environment | dict(environment or {}),
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                pass_fds=inherited,
            )
        started = Role(role, process, log)
        self.roles.append(started)
        line = _first_line(process.stdout)
        if not line.startswith("ready "):
            started.kill()
            raise AssertionError(f"{role}: not ready but {line!r}:\n{started.said()[-3000:]}")
        doors = dict(re.findall(r"(\w+)=(\S+)", line))
        started.http, started.rtmp = doors.get("http", ""), doors.get("rtmp", "")
        return started

    def end_all(self) -> None:
        """Kill all running processes."""
        for role in self.roles:
            if role.process.poll() is None:
                role.kill()
            assert role.process.stdout is not None
            role.process.stdout.close()


def _first_line(output: IO[str] | None) -> str:
    assert output is not None
    readable, _, _ = select.select([output], [], [], START_LIMIT)
    return output.readline() if readable else ""


@contextmanager
def split_station(folder: Path, *slugs: str, **settings: str) -> Iterator[Split]:
    """Make stores and channels, without a process; stop running processes at the end."""
    with stores.postgresql() as database, stores.redis() as redis:
        station = Station(
            folder / "data", DATABASE__URL=database.url, REDIS__URL=redis.url, **settings
        )
        if slugs:
            station.open_channels(*slugs)
        split = Split(database, redis, station)
        try:
            yield split
        finally:
            split.end_all()


def listening() -> socket.socket:
    """Return a socket as systemd passes it."""
    made = socket.create_server(("127.0.0.1", 0), backlog=512)
    made.set_inheritable(True)
    return made


def port_of(bound: socket.socket) -> int:
    """Return the port of a socket."""
    return int(bound.getsockname()[1])


@contextmanager
def service_manager() -> Iterator[tuple[dict[str, str], socket.socket]]:
    """Return the environment of a service of Type=notify, and the socket of its notifications."""
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
    ):
        address = os.path.join(folder, "notify")
        ear.bind(address)
        ear.settimeout(START_LIMIT)
        yield {"NOTIFY_SOCKET": address}, ear
