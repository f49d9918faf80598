"""`ingest`: what it costs to take streams in, without transcoding.

1, 20 and 100 publishers of 4 Mbit/s 720p30 send at once, each a full RTMP session; nobody
watches. The station makes parts, segments and playlists of every stream all the while.
nginx-rtmp does so for HLS in one of its two settings, and only relays in the other;
Node-Media-Server only relays. Figures:

- `core_per_publisher`: processor seconds of the server, all threads, per second and publisher.
- `publishers_per_core`: computed from it.
- `server_core`: all publishers together.
- `resident_after`: memory with the publishers on the air.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.figures import Report, say
from bench.loads.plan import Publish, Taken, publish
from bench.processes import BenchFailed, Child
from bench.references import Reference, nginx_rtmp, node_media_server
from bench.station import station
from bench.stream import LENGTH, sample

BIT_RATE: Final = 4_000_000
COUNTS: Final = (1, 20, 100)


@dataclass(frozen=True, slots=True)
class IngestServer:
    """A server for publishers, and the stream names that it accepts."""

    child: Child
    port: int
    names: list[str]


Opener = Callable[[Path, int], contextlib.AbstractContextManager[IngestServer]]


@contextlib.contextmanager
def _station(folder: Path, count: int) -> Iterator[IngestServer]:
    settings = {
        "MADANG_LIVE__MAX_PUBLISHERS": str(count),
        # The others do not record.
        "MADANG_RECORDING__RECORD": "never",
        "MADANG_RECORDING__REWIND": "false",
    }
    with station(folder, channels=count, settings=settings) as ours:
        yield IngestServer(ours.child, ours.rtmp, list(ours.keys.values()))


@contextlib.contextmanager
def _reference(
    opened: contextlib.AbstractContextManager[Reference], count: int
) -> Iterator[IngestServer]:
    with opened as server:
        yield IngestServer(
            server.child, server.rtmp, [f"bench-{number}" for number in range(count)]
        )


SUBJECTS: Final[dict[str, Opener]] = {
    "madang": _station,
    "nginx-rtmp-hls": lambda folder, count: _reference(nginx_rtmp(folder, hls=True), count),
    "nginx-rtmp-relay": lambda folder, count: _reference(nginx_rtmp(folder, hls=False), count),
    "node-media-server": lambda folder, count: _reference(node_media_server(folder), count),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--publishers", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, from 5")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.seconds < 5:
        raise BenchFailed("The kernel counts in hundredths: measure for 5 seconds or more.")
    stream = sample(BIT_RATE)
    conditions = {
        "seconds": options.seconds,
        **stream.conditions,
    }
    report = Report("ingest", conditions)
    for repeat in range(options.repeats):
        for count in options.publishers:
            for subject in options.only:
                say(f"ingest: {count} to {subject}, {repeat + 1} of {options.repeats}")
                with (
                    tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
                    SUBJECTS[subject](Path(folder), count) as door,
                ):
                    taken = publish(
                        Publish(
                            port=door.port,
                            names=door.names,
                            path=str(stream.path),
                            length=LENGTH * 1000,
                            seconds=options.seconds,
                            pid=door.child.pid,
                            ramp=max(1.0, count / 20),
                        )
                    )
                    door.child.check()
                _add(report, f"{subject}, {count} publishers", count, taken)
    report.print(
        {
            f"madang, {count} publishers": [
                f"{subject}, {count} publishers" for subject in SUBJECTS if subject != "madang"
            ]
            for count in options.publishers
        }
    )


def _add(report: Report, subject: str, count: int, taken: Taken) -> None:
    if not taken.server_cpu:
        raise BenchFailed(f"{subject} took no processor time: measure for longer.")
    rate = taken.sent * 8 / taken.seconds / count
    if rate < 0.9 * BIT_RATE:
        raise BenchFailed(f"{subject}: the load sent only {rate / 1e6:.1f} Mbit/s per publisher.")
    each = taken.server_cpu / taken.seconds / count
    report.add(subject, "core_per_publisher", each, "cores")
    report.add(subject, "publishers_per_core", 1 / each, "publishers, computed")
    report.add(subject, "server_core", taken.server_cpu / taken.seconds, "cores")
    report.add(subject, "rate_per_publisher", rate, "bit/s")
    report.add(subject, "resident_after", taken.resident / 1e6, "MB")
    report.add(subject, "load_core", taken.load_cpu / taken.seconds, "cores")
    report.add(subject, "other_core", taken.other_cpu / taken.seconds, "cores")
    say(f"  {each:.2%} of a core each, load {taken.load_cpu / taken.seconds:.0%}")
