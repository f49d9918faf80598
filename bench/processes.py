"""Processes under measurement: started on one core, ended by PID."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from madang.base.errors import MadangError

SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
"""Core of load generators, apart from the server's."""

_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")
_PATIENCE: Final = 15.0
"""Seconds from SIGTERM to SIGKILL: the station promises to end within 10."""

_LOOK: Final = 0.1
"""Seconds between two polls of a condition."""

_LAST_WORDS: Final = 2_000
"""Characters of a failed server's log to show."""


class BenchFailed(MadangError):
    """Failure of a server, a load generator or a tool: there is nothing to report."""


def free_port() -> int:
    """Return a free TCP port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pin(core: int) -> None:
    """Pin this process and its future children to `core`. Raises BenchFailed."""
    available = os.sched_getaffinity(0)
    if core not in available:
        raise BenchFailed(f"This benchmark needs core {core}, and may use only {available}.")
    os.sched_setaffinity(0, {core})


def busy_seconds(core: int) -> float:
    """Return the busy time of `core` since boot, of all processes."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        name, *fields = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, hard, soft, steal, *_ = map(int, fields)
            return (user + nice + system + hard + soft + steal) * _TICK
    raise BenchFailed(f"This machine has no core {core}.")


def accepts(port: int) -> bool:
    """Return True if `port` of loopback accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def _pinned(core: int | None) -> Iterator[None]:
    """Pin children started in the block to `core`."""
    before = os.sched_getaffinity(0)
    if core is not None:
        pin(core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A running child process with the output file `log`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log = log

    def log(self) -> str:
        """Output so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def check(self) -> None:
        """Raise BenchFailed with the end of its output if it has ended."""
        code = self._process.poll()
        if code is not None:
            raise BenchFailed(f"{self.name} ended with {code}: {self.log()[-_LAST_WORDS:].strip()}")

    def wait_for(self, ready: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until `ready`. Raises BenchFailed when it ends or after `seconds`."""

        deadline = time.monotonic() + seconds
        while True:
            self.check()
            if ready():
                return
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"{self.name}: {what} did not happen within {seconds:g} s. "
                    f"Its log ends: {self.log()[-_LAST_WORDS:].strip()}"
                )
            time.sleep(_LOOK)

    def stop(self) -> int:
        """End it, by SIGKILL if it ignores SIGTERM; return its exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()


@contextlib.contextmanager
def running(
    name: str,
    command: Sequence[str | Path],
    *,
    core: int | None,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Child]:
    """Run `command` on `core` (None: on any) while the block lasts.

    `environment` replaces this process's own; standard output and error go to `log`. Raises
    BenchFailed if it cannot start.
    """
    try:
        with log.open("wb") as output, _pinned(core):
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                # A session of its own, to end it with all its children.
                start_new_session=True,
            )
    except OSError as error:
        raise BenchFailed(f"{name} cannot be started: {error}.") from error
    child = Child(name, process, log)
    try:
        yield child
    finally:
        child.stop()
