"""`record`: what it costs to record a show while it is watched.

One stream of 4 Mbit/s is sent to viewers of low-latency HLS, by a station that records it and by
one that does not, in turn. Figures of each, and the ratio of the first to the second:

- `server_core`: processor seconds of the server, all threads, per second.
- `lateness_p99`: from when the first viewer could know of a part to when a viewer had all of it.
- `stalls`: how often a player would have stood still.
- `missing`: seconds that the recording lacks.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.request import urlopen

from bench import probes
from bench.figures import Report, say
from bench.loads.plan import Watch, watch
from bench.processes import BenchFailed
from bench.station import Station, station
from bench.stream import Sample, publishing, sample

BIT_RATE: Final = 4_000_000
VIEWERS: Final = (1, 100, 500)

SUBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "recorded": {},
    "not-recorded": {"MADANG_RECORDING__RECORD": "never", "MADANG_RECORDING__REWIND": "false"},
}

_MISSING: Final = re.compile(r"^madang_recording_gaps_seconds_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Target:
    """A station with the show, and the address of its playlist."""

    station: Station
    path: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--viewers", type=int, nargs="+", default=list(VIEWERS))
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, from 10")
    parser.add_argument("--repeats", type=int, default=3)


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.seconds < 10:
        raise BenchFailed("Segments last two seconds: measure for 10 or more.")
    stream = sample(BIT_RATE)
    conditions = {
        "seconds": options.seconds,
        **stream.conditions,
    }
    report = Report("record", conditions)
    for repeat in range(options.repeats):
        for viewers in options.viewers:
            for subject, settings in SUBJECTS.items():
                say(f"record: {subject}, {viewers} viewers, {repeat + 1} of {options.repeats}")
                with _on_the_air(stream, settings) as target:
                    _measure(report, f"{subject}, {viewers} viewers", target, viewers, options)
    report.print(
        {
            f"recorded, {viewers} viewers": [f"not-recorded, {viewers} viewers"]
            for viewers in options.viewers
        }
    )


@contextlib.contextmanager
def _on_the_air(stream: Sample, settings: Mapping[str, str]) -> Iterator[Target]:
    with (
        tempfile.TemporaryDirectory(prefix="madang-bench-") as folder,
        station(Path(folder), settings=settings) as ours,
        publishing(stream, ours.publish_url("bench-0"), Path(folder)) as publisher,
    ):
        playlist = probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
        yield Target(ours, playlist.removeprefix(ours.url("")))


def _measure(
    report: Report, subject: str, target: Target, viewers: int, options: argparse.Namespace
) -> None:
    server = target.station.child
    seen = watch(
        Watch(
            kind="low-latency",
            port=target.station.http,
            target=target.path,
            viewers=viewers,
            seconds=options.seconds,
            pid=server.pid,
            ramp=max(2.0, viewers / 1000),
        )
    )
    server.check()
    with urlopen(target.station.url("/metrics")) as answer:
        found = _MISSING.search(answer.read().decode())
    if found is None:
        raise BenchFailed("The station does not say how much is missing in its recordings.")
    report.add(subject, "server_core", seen.server_cpu / seen.seconds, "cores")
    report.add(subject, "lateness_p99", seen.lateness[1] * 1000, "ms")
    report.add(subject, "stalls", seen.stalls, "stalls")
    report.add(subject, "missing", float(found[1]), "s")
    report.add(subject, "load_core", seen.load_cpu / seen.seconds, "cores")
    report.add(subject, "other_core", seen.other_cpu / seen.seconds, "cores")
    say(f"  {seen.server_cpu / seen.seconds:.2%} of a core, p99 {seen.lateness[1] * 1000:.0f} ms")
