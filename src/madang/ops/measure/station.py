"""A station to measure: a process with a data folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.load import Load, LoadResult

_READY: Final = re.compile(r"ready http=127\.0\.0\.1:(\d+) rtmp=127\.0\.0\.1:(\d+)\n")
_START: Final = 60.0
"""Limit for the ready line, migrations included, on a busy machine."""

_END: Final = 15.0
"""Seconds from SIGTERM to SIGKILL."""

_SETTINGS: Final = {
    # All guests of a measurement share one address, unlike a real audience.
    "MADANG_CHAT__CONNECTIONS_PER_ADDRESS": "20000",
    "MADANG_CHAT__CONNECTS_PER_ADDRESS": "100000",
    "MADANG_CHAT__MESSAGES_PER_ADDRESS": "1000000",
    "MADANG_CHAT__MESSAGES_PER_PERSON": "1000000",
    "MADANG_BACKUP__RUN_BY": "nobody",
}


@dataclass(frozen=True, slots=True)
class StationProcess:
    """A running station, with the stream keys of its channels by slug."""

    pid: int
    http: int
    rtmp: int
    keys: dict[str, str]

    def load(
        self, kind: str, target: str, clients: int, seconds: float, **more: float
    ) -> LoadResult:
        """Run a load in a process of its own. Raises MeasureFailed."""
        load = Load(kind, self.http, target, clients, seconds, self.pid, **more)  # type: ignore[arg-type]
        with _on_cores(cores()[1]):
            done = subprocess.run(
                [sys.executable, "-m", "madang.ops.measure.load"],
                input=json.dumps(asdict(load)),
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise MeasureFailed(f"A load failed: {done.stderr.strip()[-300:]}")
        return LoadResult(**json.loads(done.stdout))


def cores() -> tuple[set[int], set[int]]:
    """Return the CPUs of the station and of the load: apart if there is more than one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others) or {first}


@contextlib.contextmanager
def _on_cores(chosen: set[int]) -> Iterator[None]:
    """Pin processes started in the block to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def run_station(folder: Path, slugs: Sequence[str]) -> Iterator[StationProcess]:
    """Run a station with these channels. Raises MeasureFailed."""
    data = folder / "data"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    environment = {**clean, **_SETTINGS}
    _command(environment, data, "user", "create", "measure")
    keys = {
        slug: _command(environment, data, "channel", "create", slug, "--owner", "measure")[
            "stream_key"
        ]
        for slug in slugs
    }
    with (folder / "station.log").open("wb") as log, _on_cores(cores()[0]):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "madang", "serve", "--no-demo", "--data", str(data)),
                *("--http", "127.0.0.1:0", "--rtmp", "127.0.0.1:0"),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], _START)
        ready = _READY.fullmatch(process.stdout.readline() if readable else "")
        if ready is None:
            log_text = (folder / "station.log").read_text(encoding="utf-8", errors="replace")
            raise MeasureFailed(f"The station did not start: {log_text.strip()[-300:]}")
        yield StationProcess(process.pid, int(ready[1]), int(ready[2]), keys)
    finally:
        _end(process)


@contextlib.contextmanager
def publish(program: str, film: Path, station: StationProcess, slug: str) -> Iterator[None]:
    """Send a video to a channel in real time, in a loop."""
    url = f"rtmp://127.0.0.1:{station.rtmp}/live/{station.keys[slug]}"
    with _on_cores(cores()[1]):
        process = subprocess.Popen(
            [
                *(program, "-loglevel", "error", "-nostdin", "-re", "-stream_loop", "-1"),
                *("-i", str(film), "-c", "copy", "-f", "flv", url),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        yield
    finally:
        _end(process)


def wait_for(what: str, ready: Any, seconds: float = 30.0) -> Any:
    """Poll `ready` until it returns a value. Raises MeasureFailed after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := ready()) is None:
        if time.monotonic() > deadline:
            raise MeasureFailed(f"{what} did not come within {seconds:g} s.")
        time.sleep(0.1)
    return found


def _end(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_END)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _command(environment: dict[str, str], data: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "madang", *arguments, "--data", str(data), "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MeasureFailed(f"The station could not be made ready: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)
