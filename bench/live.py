"""`live`: what it costs to send one stream to many viewers.

Every server gets the same stream from the same publisher and the same number of viewers, one
after another, each in a fresh process on a core of its own. Figures, each with what it is held to:

- `cpu_per_gb`: processor seconds of the server, all threads, per 10**9 bytes that viewers
  received. Taking the stream in is part of it.
- `viewers_per_core`: computed: how many such viewers of 2.6 Mbit/s one core would hold if cost
  grew in proportion. `--capacity` measures it: viewers double until the core is full or parts
  are late.
- `resident_before`, `resident_after`: memory without and with the viewers.
- `lateness_p50`, `lateness_p99`: from when the first viewer could know of a part (or had a tag,
  for continuous streams) to when a viewer had all of it. Old players poll, and that is in it.
- `delivery_p50`, `delivery_p99`: from a viewer's request for a part to its last byte.
- `stalls`: how often a player with the usual hold-back would have stood still.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things;
  above some 0.1 the other figures are disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import probes
from bench.figures import Report, say
from bench.files import PLAYLIST, write_parts
from bench.loads.plan import Kind, Seen, Watch, watch
from bench.processes import BenchFailed, Child
from bench.references import nginx_files, nginx_rtmp, node_media_server
from bench.station import station
from bench.stream import Sample, publishing, sample
from madang.ops.measure.processes import resident_bytes

BIT_RATE: Final = 2_600_000
_MOST_VIEWERS: Final = 8_000
"""Connections at which the kernel's limits are reached before the server's."""

_FULL: Final = 0.9
"""Share of a core above which it counts as full."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server with a stream, and its kind of viewers; `beat` is their interval, if any."""

    child: Child
    port: int
    kind: Kind
    path: str
    beat: float = 0.0


Opener = Callable[[Path, Sample], contextlib.AbstractContextManager[Target]]


@contextlib.contextmanager
def _station(folder: Path, stream: Sample, kind: Kind, part_target: float) -> Iterator[Target]:
    settings = {
        "MADANG_LIVE__PART_TARGET": str(part_target),
        # The others do not record.
        "MADANG_RECORDING__RECORD": "never",
        "MADANG_RECORDING__REWIND": "false",
    }
    with (
        station(folder, settings=settings) as ours,
        publishing(stream, ours.publish_url("bench-0"), folder) as publisher,
    ):
        if kind == "flv":
            path = "/live/bench-0.flv"
            probes.wait_for_stream(publisher, ours.url(path))
        else:
            playlist = probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
            path = playlist.removeprefix(ours.url(""))
        yield Target(ours.child, ours.http, kind, path)


@contextlib.contextmanager
def _files(folder: Path, stream: Sample, part_target: float) -> Iterator[Target]:
    root = folder / "files"
    root.mkdir()
    beat = write_parts(root, stream, part_target)
    with nginx_files(folder, root) as nginx:
        yield Target(nginx.child, nginx.http, "beat", f"/{PLAYLIST}", beat)


@contextlib.contextmanager
def _node_media_server(folder: Path, stream: Sample) -> Iterator[Target]:
    with (
        node_media_server(folder) as node,
        publishing(stream, f"rtmp://127.0.0.1:{node.rtmp}/live/bench", folder) as publisher,
    ):
        url = f"http://127.0.0.1:{node.http}/live/bench.flv"
        probes.wait_for_stream(publisher, url)
        yield Target(node.child, node.http, "flv", "/live/bench.flv")


@contextlib.contextmanager
def _nginx_rtmp(folder: Path, stream: Sample, *, hls: bool) -> Iterator[Target]:
    with (
        nginx_rtmp(folder, hls=hls) as nginx,
        publishing(stream, f"rtmp://127.0.0.1:{nginx.rtmp}/live/bench", folder) as publisher,
    ):
        if hls:
            url = f"http://127.0.0.1:{nginx.http}/bench.m3u8"
            probes.wait_for_segments(publisher, url)
            yield Target(nginx.child, nginx.http, "plain", "/bench.m3u8")
        else:
            # The module has no list of streams; viewers wait for the first frame.
            yield Target(nginx.child, nginx.rtmp, "rtmp", "bench")


SUBJECTS: Final[dict[str, Opener]] = {
    "madang-llhls-0.33": lambda folder, stream: _station(folder, stream, "low-latency", 0.33),
    "madang-llhls-0.5": lambda folder, stream: _station(folder, stream, "low-latency", 0.5),
    "madang-hls": lambda folder, stream: _station(folder, stream, "plain", 0.33),
    "madang-flv": lambda folder, stream: _station(folder, stream, "flv", 0.33),
    "nginx-parts-0.33": lambda folder, stream: _files(folder, stream, 0.33),
    "nginx-parts-0.5": lambda folder, stream: _files(folder, stream, 0.5),
    "node-media-server-flv": _node_media_server,
    "nginx-rtmp-play": lambda folder, stream: _nginx_rtmp(folder, stream, hls=False),
    "nginx-rtmp-hls": lambda folder, stream: _nginx_rtmp(folder, stream, hls=True),
}

REFERENCES: Final = {
    "madang-llhls-0.33": ["nginx-parts-0.33", "node-media-server-flv", "nginx-rtmp-play"],
    "madang-llhls-0.5": ["nginx-parts-0.5", "node-media-server-flv", "nginx-rtmp-play"],
    "madang-hls": ["nginx-rtmp-hls"],
    "madang-flv": ["node-media-server-flv", "nginx-rtmp-play"],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, from 10")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--capacity", action="store_true", help="double the viewers until full")


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.seconds < 10:
        raise BenchFailed("Segments last two seconds: measure for 10 or more.")
    stream = sample(BIT_RATE)
    conditions = {
        "viewers": options.viewers,
        "seconds": options.seconds,
        **stream.conditions,
    }
    report = Report("live", conditions)
    for repeat in range(options.repeats):
        for subject in options.only:
            say(f"live: {subject}, {repeat + 1} of {options.repeats}")
            with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
                _measure(Path(folder), stream, subject, options, report)
    report.print(REFERENCES)


def _measure(
    folder: Path, stream: Sample, subject: str, options: argparse.Namespace, report: Report
) -> None:
    with SUBJECTS[subject](folder, stream) as target:
        before = resident_bytes(target.child.pid)
        seen = _load(target, options.viewers, options.seconds)
        target.child.check()
        _add(report, subject, viewers=options.viewers, before=before, seen=seen)
        if options.capacity:
            viewers = _capacity(target, options.viewers, options.seconds, seen)
            report.add(subject, "viewers_measured", viewers, "viewers")


def _load(target: Target, viewers: int, seconds: float) -> Seen:
    return watch(
        Watch(
            kind=target.kind,
            port=target.port,
            target=target.path,
            viewers=viewers,
            seconds=seconds,
            pid=target.child.pid,
            ramp=max(2.0, viewers / 1000),
            beat=target.beat,
        )
    )


def _add(report: Report, subject: str, *, viewers: int, before: int, seen: Seen) -> None:
    def add(name: str, value: float, unit: str) -> None:
        report.add(subject, name, value, unit)

    if not seen.server_cpu:
        raise BenchFailed(f"{subject} took no processor time: the wrong process was measured.")
    per_gb = seen.server_cpu / (seen.received / 1e9)
    add("cpu_per_gb", per_gb, "s/GB")
    add("viewers_per_core", 1 / (per_gb * BIT_RATE / 8e9), "viewers, computed")
    add("server_core", seen.server_cpu / seen.seconds, "cores")
    add("rate_per_viewer", seen.received * 8 / seen.seconds / viewers, "bit/s")
    add("resident_before", before / 1e6, "MB")
    add("resident_after", seen.resident / 1e6, "MB")
    for name, values in (("lateness", seen.lateness), ("delivery", seen.delivery)):
        for share, value in zip(("p50", "p99"), values or (), strict=False):
            add(f"{name}_{share}", value * 1000, "ms")
    add("stalls", seen.stalls, "stalls")
    add("load_core", seen.load_cpu / seen.seconds, "cores")
    add("other_core", seen.other_cpu / seen.seconds, "cores")
    say(
        f"  {per_gb:.3f} s/GB, {seen.server_cpu / seen.seconds:.0%} of its core, p99 "
        f"{seen.lateness[1] * 1000:.0f} ms late, {seen.stalls} stalls, "
        f"load {seen.load_cpu / seen.seconds:.0%}"
    )


def _capacity(target: Target, viewers: int, seconds: float, seen: Seen) -> int:
    """Return the most viewers served without stalls, by doubling from `viewers`."""
    held = viewers if not seen.stalls else 0
    while not seen.stalls and seen.server_cpu / seen.seconds < _FULL:
        if viewers * 2 > _MOST_VIEWERS:
            break
        if seen.load_cpu / seen.seconds > _FULL:
            say(f"  {viewers} viewers fill the load's core first")
            break
        viewers *= 2
        try:
            seen = _load(target, viewers, seconds)
        except BenchFailed as error:
            say(f"  {viewers} viewers: {error}")
            break
        say(
            f"  {viewers} viewers: {seen.server_cpu / seen.seconds:.0%} of the core, "
            f"{seen.stalls} stalls, load {seen.load_cpu / seen.seconds:.0%}"
        )
        if not seen.stalls:
            held = viewers
    return held
