"""A real station: `madang serve` as a process, on free ports, with a data folder of its own.

Run as a module with a data folder and slugs, this makes the owner and the channels and prints their
stream keys: one process for all of them, while `madang channel create` needs one for each.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import select
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

OWNER = "ada"
PASSWORD = "courtyard at noon"
"""Owner of the channels of a test's station, and its administrator."""

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 30.0
"""Seconds to `ready`, tables included, on a machine that is busy with the rest of the suite."""
STOP_LIMIT = 10.0
"""Seconds from SIGTERM to the end, as documented."""

DATABASE_FILE = "madang.db"

_READY = re.compile(r"ready http=(\S+) rtmp=(\S+)\n")


class Station:
    """One data folder and, between `start` and `stop`, the process that runs on it.

    `settings` are environment variables without their prefix (`LIVE__GRACE="5"`). The ports are
    chosen once, so that they are the same after a restart.
    """

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.keys: dict[str, str] = {}
        """Stream keys by slug, of the channels made by `open_channels`."""
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MADANG_")
        } | {f"MADANG_{name}": value for name, value in settings.items()}
        self.http_port, self.rtmp_port = free_ports(2)
        self.http_bind = f"127.0.0.1:{self.http_port}"
        self.rtmp_bind = f"127.0.0.1:{self.rtmp_port}"
        self.http = f"http://{self.http_bind}"
        self.rtmp = f"rtmp://{self.rtmp_bind}/live"
        self.log = data.with_suffix(".log")
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[str] | None = None

    @property
    def pid(self) -> int:
        """PID of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """True between `start` and `stop` or `kill`."""
        return self._process is not None

    def start(self, *options: str) -> float:
        """Start `madang serve` with `options` and wait for its `ready` line; return the seconds
        that took."""
        began = time.monotonic()
        self._log = self.log.open("a")
        self._process = subprocess.Popen(
            [
                *(*MADANG, "serve", "--data", str(self.data)),
                *("--http", self.http_bind, "--rtmp", self.rtmp_bind, *options),
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], START_LIMIT)
        line = self._process.stdout.readline() if readable else ""
        ready = _READY.fullmatch(line)
        if ready is None or ready.groups() != (self.http_bind, self.rtmp_bind):
            self.kill()
            raise AssertionError(f"not ready but {line!r}; the log ends:\n{self.said()[-3000:]}")
        return time.monotonic() - began

    def stop(self) -> float:
        """Send SIGTERM; the station must end in order. Return the seconds that it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_LIMIT)
        took = time.monotonic() - began
        self._release()
        assert code == 0, f"exit code {code}; the log ends:\n{self.said()[-3000:]}"
        return took

    def kill(self) -> None:
        """Send SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_LIMIT)
        self._release()

    def said(self) -> str:
        """Log of every process that ran on this data folder."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def command(self, *arguments: str) -> Any:
        """Run `madang ARGUMENTS --json` on this station and return the value."""
        done = subprocess.run(
            [*MADANG, *arguments, "--data", str(self.data), "--json"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def open_channels(self, *slugs: str) -> None:
        """Make channels, and their owner if missing; fills `keys`."""
        database = self.data / DATABASE_FILE
        if "MADANG_DATABASE__URL" not in self.environment and not database.exists():
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(_template(), database)
            database.chmod(0o600)
        self.keys |= _run_open_channels(self.data, self.environment, *slugs)

    def publish_url(self, slug: str) -> str:
        """Return the URL to publish to, stream key included."""
        return f"{self.rtmp}/{self.keys[slug]}"

    def helpers(self) -> list[int]:
        """Return the station's running child processes."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):  # process that ended meanwhile
                if f"\nPPid:\t{self.pid}\n" in status.read_text():
                    found.append(int(status.parent.name))
        return found

    def memory(self) -> int:
        """Return the resident memory of the process in bytes (VmRSS, proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def processor_seconds(self) -> float:
        """Return the processor time of the process so far (utime and stime, proc(5))."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _release(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._log is not None
        self._process.stdout.close()
        self._log.close()
        self._process = None

    @contextmanager
    def running(self) -> Iterator[Station]:
        """Run the station; SIGTERM ends it, unless the test already did."""
        self.start()
        try:
            yield self
        finally:
            if self.runs:
                self.stop()


MADANG = (sys.executable, "-m", "madang")


def free_ports(count: int) -> list[int]:
    """Return different free TCP ports of 127.0.0.1."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def until(condition: Callable[[], Any], what: str, *, within: float = 30.0) -> Any:
    """Poll `condition` until it is truthy and return the result; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.05)
    return answer


@functools.cache
def _template() -> Path:
    """Return a database with all tables and the owner: to make them takes a second."""
    folder = Path(_temporary().name)
    environment = {name: value for name, value in os.environ.items() if "MADANG_" not in name}
    _run_open_channels(folder / "data", environment)
    copy = folder / DATABASE_FILE
    with (
        contextlib.closing(sqlite3.connect(folder / "data" / DATABASE_FILE)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    return copy


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="madang-database-")


def _run_open_channels(data: Path, environment: dict[str, str], *slugs: str) -> dict[str, str]:
    made = subprocess.run(
        [sys.executable, "-m", "tests.support.station", str(data), *slugs],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_LIMIT,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    keys: dict[str, str] = json.loads(made.stdout)
    return keys


def _open_channels(data: Path, slugs: list[str]) -> dict[str, str]:
    from madang.station import boot
    from madang.station.config import settings

    boot.control_plane(settings.load(data))
    from madang.apps.accounts.models import User
    from madang.apps.accounts.services import create_user
    from madang.apps.channels.services import create_channel

    owner = User.objects.filter(name=OWNER).first() or create_user(
        OWNER, password=PASSWORD, admin=True
    )
    return {slug: str(create_channel(slug, owner=owner)[1]) for slug in slugs}


if __name__ == "__main__":
    print(json.dumps(_open_channels(Path(sys.argv[1]), sys.argv[2:])))
