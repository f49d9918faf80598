"""A real station: `madang serve` as a process, on free ports, with a data folder of its own.

Run as a module with a data folder and slugs, this makes the owner and the channels and prints
their stream keys: one process for all of them, where `madang channel create` is one for each.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

OWNER = "ada"
PASSWORD = "courtyard at noon"
"""Who runs the channels of a test's station, and administers it."""

ROOT = Path(__file__).resolve().parents[2]
START_LIMIT = 30.0
"""Seconds to `ready`, tables included, on a machine that is busy with the rest of the suite."""
STOP_LIMIT = 10.0
"""Seconds from SIGTERM to the end, as docs and service managers count on."""

_READY = re.compile(r"ready http=(\S+) rtmp=(\S+)\n")


class Station:
    """One data folder and, between `start` and `stop`, the process that runs on it.

    `settings` are environment variables without their prefix (`LIVE__GRACE="5"`). The ports are
    chosen once, so that a station that comes back is found where it was.
    """

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        self.keys: dict[str, str] = {}
        """Stream keys by slug, of the channels that `open_channels` made."""
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
        """The process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process was started, and neither stopped nor killed since."""
        return self._process is not None

    def start(self, *options: str) -> float:
        """Start `madang serve` with `options` and wait for its `ready` line; return after how
        many seconds that came."""
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
        """Send SIGTERM; the station must end in order. Return after how many seconds it did."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(STOP_LIMIT)
        took = time.monotonic() - began
        self._release()
        assert code == 0, f"exit code {code}; the log ends:\n{self.said()[-3000:]}"
        return took

    def kill(self) -> None:
        """Send SIGKILL, as the kernel does to a process that took too much memory."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(STOP_LIMIT)
        self._release()

    def said(self) -> str:
        """The log so far, of every process that ran on this data folder."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def command(self, *arguments: str) -> Any:
        """What `madang ARGUMENTS --json` prints about this station, as a value."""
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
        """Make channels, and their owner where there is none; the keys are in `keys` then."""
        made = subprocess.run(
            [sys.executable, "-m", "tests.support.station", str(self.data), *slugs],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        self.keys |= json.loads(made.stdout)

    def publish_url(self, slug: str) -> str:
        """Where an encoder of the channel sends to, stream key included."""
        return f"{self.rtmp}/{self.keys[slug]}"

    def helpers(self) -> list[int]:
        """Processes that the station started and that still run."""
        found = []
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):  # a process that ended meanwhile
                if f"\nPPid:\t{self.pid}\n" in status.read_text():
                    found.append(int(status.parent.name))
        return found

    def memory(self) -> int:
        """Bytes of memory that the process holds now (VmRSS, proc(5))."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def _release(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._log is not None
        self._process.stdout.close()
        self._log.close()
        self._process = None

    @contextmanager
    def running(self) -> Iterator[Station]:
        """The station while it runs; SIGTERM ends it, unless the test already did."""
        self.start()
        try:
            yield self
        finally:
            if self.runs:
                self.stop()


MADANG = (sys.executable, "-m", "madang")


def free_ports(count: int) -> list[int]:
    """Different TCP ports of 127.0.0.1 that nobody listens on."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def until(condition: Callable[[], Any], what: str, *, within: float = 10.0) -> Any:
    """Ask `condition` until its answer is true, and return that; fail after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {within} s: {what}"
        time.sleep(0.05)
    return answer


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
