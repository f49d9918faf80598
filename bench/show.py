"""A show on the air, and how its viewers get it."""

from __future__ import annotations

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
from bench.stream import Sample, publishing

_MISSING: Final = re.compile(r"^madang_recording_gaps_seconds_total (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Show:
    """A station with a show: the path of its playlist, and the folder of the station."""

    station: Station
    path: str
    folder: Path


@contextlib.contextmanager
def on_the_air(stream: Sample, settings: Mapping[str, str]) -> Iterator[Show]:
    """Run a station with a show of `stream`."""
    with (
        tempfile.TemporaryDirectory(prefix="madang-bench-") as made,
        station(Path(made), settings=settings) as ours,
        publishing(stream, ours.publish_url("bench-0"), Path(made)) as publisher,
    ):
        playlist = probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
        yield Show(ours, playlist.removeprefix(ours.url("")), Path(made))


def measure(report: Report, subject: str, show: Show, viewers: int, seconds: float) -> None:
    """Let `viewers` watch, and add the figures of the server. Raises BenchFailed."""
    server = show.station.child
    seen = watch(
        Watch(
            kind="low-latency",
            port=show.station.http,
            target=show.path,
            viewers=viewers,
            seconds=seconds,
            pid=server.pid,
            ramp=max(2.0, viewers / 1000),
        )
    )
    server.check()
    with urlopen(show.station.url("/metrics")) as answer:
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
