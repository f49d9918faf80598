"""Messages between a benchmark and its load process."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from bench.processes import BenchFailed

Kind = Literal["low-latency", "plain", "beat", "flv", "rtmp"]

_OVERHEAD: Final = 60.0
"""Seconds allowed beside ramp, settling and measuring."""


_UPLOADING: Final = 3600.0
"""Seconds after which uploads have failed."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Viewers of `target` at `port` of loopback, and the server process to measure meanwhile.

    They come evenly over `ramp` seconds; after `settle` more, `seconds` are measured. `beat` is
    the interval of viewers on a beat, in seconds. For RTMP, `target` is the stream's name.
    """

    kind: Kind
    port: int
    target: str
    viewers: int
    seconds: float
    pid: int
    ramp: float = 2.0
    settle: float = 4.0
    beat: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """Observations of viewers in the seconds measured.

    `received` is in bytes, heads of responses included; `server_cpu` and `load_cpu` are processor
    seconds of the server and of this load, `other_cpu` what anything else took of the server's
    core; `resident` is the server's memory in bytes at the end. `lateness` and `delivery` are
    p50 and p99 in seconds, `delivery` None where nothing is asked for. `pieces` are parts,
    segments or video tags; `stalls` are times that a player would have stood still.
    """

    seconds: float
    received: int
    server_cpu: float
    load_cpu: float
    other_cpu: float
    resident: int
    pieces: int
    stalls: int
    lateness: tuple[float, float]
    delivery: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Publish:
    """Publishers of `names` (streams or keys) to the application `live` at `port` of loopback.

    Each sends the FLV file at `path`, of `length` milliseconds, over and over. Times as in Watch.
    """

    port: int
    names: list[str]
    path: str
    length: int
    seconds: float
    pid: int
    ramp: float = 2.0
    settle: float = 4.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Resources of a server in the seconds measured: `sent` bytes; the rest as in Seen."""

    seconds: float
    sent: int
    server_cpu: float
    load_cpu: float
    other_cpu: float
    resident: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Chat clients of `channel` at `port` of loopback.

    With `rate` they send so many messages a second, all together; without it, `window` of them
    send flat out: each the next message as soon as its last one has been delivered. `name` tells
    the members of one crowd from those of another. An `urgent` one has the processor whenever it
    wants it, where that is allowed.
    """

    port: int
    channel: str
    clients: int
    rate: float
    window: int
    seconds: float
    pid: int
    settle: float = 3.0
    name: str = "crowd"
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Chatted:
    """Messages that a crowd sent, those times receivers, `delay` p50 and p99 in seconds
    from sending to receiving; the rest as in Seen."""

    seconds: float
    sent: int
    delivered: int
    server_cpu: float
    load_cpu: float
    other_cpu: float
    resident: int
    delay: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Clients that ask for `playlist` (none: "") and then for `span` bytes (none: 0) of `file` at
    random places from `first` on, within `size` bytes.

    Every `interval` seconds they do so, or, where it is 0, one time after another. `pids` are the
    processes of the server.
    """

    port: int
    pids: list[int]
    clients: int
    seconds: float
    playlist: str = ""
    file: str = ""
    first: int = 0
    size: int = 0
    span: int = 0
    interval: float = 0.0
    ramp: float = 2.0
    settle: float = 2.0


@dataclass(frozen=True, slots=True)
class Fetched:
    """Answers in the seconds measured: `rounds` of one client each, of which `late` were not over
    when the next was due; `delivery`: p50 and p99 of their seconds. The rest as in Seen."""

    seconds: float
    received: int
    server_cpu: float
    load_cpu: float
    other_cpu: float
    rounds: int
    late: int
    delivery: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Upload:
    """So many `uploads` at once at `port` of loopback: `declared` bytes are announced of each, and
    `size` of them sent in one request. `metadata` is Upload-Metadata, `token` the API token, "" for
    none. `pids` are the processes of the server. `rate`: bytes a second of all, 0 for as many as
    the server takes."""

    port: int
    pids: list[int]
    uploads: int
    size: int
    declared: int
    metadata: str = ""
    token: str = ""
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes `sent` from the first request to the last answer. `resident`: the largest memory of the
    server meanwhile, in bytes. The rest as in Seen."""

    seconds: float
    sent: int
    server_cpu: float
    load_cpu: float
    other_cpu: float
    resident: int


def watch(load: Watch) -> Seen:
    """Run viewers in a process of their own. Raises BenchFailed with its reason."""
    return Seen(**_run("watch", asdict(load), load.ramp + load.settle + load.seconds))


def publish(load: Publish) -> Taken:
    """Run publishers in a process of their own. Raises BenchFailed with its reason."""
    return Taken(**_run("publish", asdict(load), load.ramp + load.settle + load.seconds))


def fetch(load: Fetch) -> Fetched:
    """Run clients in a process of their own. Raises BenchFailed with its reason."""
    return Fetched(**_run("fetch", asdict(load), load.ramp + load.settle + load.seconds))


def upload(load: Upload) -> Sent:
    """Run uploads in a process of their own. Raises BenchFailed with its reason."""
    return Sent(**_run("upload", asdict(load), _UPLOADING))


def chat(load: Crowd) -> Chatted:
    """Run a crowd in a process of its own. Raises BenchFailed with its reason."""
    return Chatted(**_run("chat", asdict(load), load.settle + load.seconds))


def _run(kind: str, load: dict[str, Any], seconds: float) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "bench.loads", kind],
            input=json.dumps(load),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds + _OVERHEAD,
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"The load took longer than {seconds + _OVERHEAD:g} s.") from None
    if done.returncode:
        raise BenchFailed(done.stderr.strip()[-1000:])
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen
