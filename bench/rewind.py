"""`rewind`: what viewers cost who went back in a show that is still on.

A recording with the index of so many hours grows by a segment every two seconds, while viewers ask
every two seconds for the delta update of its playlist and for a segment of the last ten minutes.
The recording is written by the benchmark, with holes for media data. Subjects are the hours, once
with playlists alone and once with media at 2.6 Mbit/s. Figures:

- `whole`, `whole_gzip`, `delta`, `delta_gzip`: bytes of a playlist in each form.
- `first`: time until the first playlist came, for which the index is read.
- `server_core`: processor seconds of the server, all threads, per second.
- `delivery_p99`: from the request for a playlist to the last byte of the segment after it.
- `late`: how often a viewer did not have these when the next were due.
- `resident_after`: memory of the server with the viewers.
- `load_core`, `other_core`: how busy the load's core was, and the server's with other things.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from bench.figures import Report, say
from bench.loads.plan import Fetch, fetch
from bench.recordings import ID, RENDITION, SEGMENT, GrowingRecording, add_row
from bench.station import Station, station
from madang.ops.measure.processes import resident_bytes

BIT_RATE: Final = 2_600_000
PLAYLIST: Final = f"/vod/{ID}/{RENDITION}/media.m3u8"
_DELTA: Final = "?_HLS_skip=YES"
_BACK: Final = 600
"""Seconds behind the edge within which viewers are."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 24])
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--repeats", type=int, default=2)


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    conditions = {
        "seconds": options.seconds,
        "viewers": options.viewers,
        "interval": SEGMENT,
        "bit_rate": BIT_RATE,
    }
    report = Report("rewind", conditions)
    for repeat in range(options.repeats):
        for hours in options.hours:
            say(f"rewind: {hours:g} h, {repeat + 1} of {options.repeats}")
            with (
                tempfile.TemporaryDirectory(prefix="madang-bench-") as made,
                station(Path(made)) as ours,
            ):
                data = Path(made) / "data"
                began_at = time.time() - hours * 3600
                recording = GrowingRecording(data / "media", BIT_RATE, began_at)
                recording.grow(round(hours * 3600 / SEGMENT))
                with recording.growing():
                    add_row(data, "recording")
                    _measure_forms(report, f"{hours:g} h", ours)
                    for media in (False, True):
                        _measure_viewers(
                            *(report, f"{hours:g} h", ours, recording),
                            media=media,
                            options=options,
                        )
    shortest, *others = (f"{hours:g} h" for hours in sorted(options.hours))
    report.print(
        {f"{name}, {kind}": [f"{shortest}, {kind}"] for name in others for kind in _KINDS.values()}
    )


_KINDS: Final = {False: "playlists", True: "playlists and media"}


def _measure_forms(report: Report, subject: str, ours: Station) -> None:
    began = time.monotonic()
    for name, query, coding in (
        ("whole", "", "identity"),
        ("whole_gzip", "", "gzip"),
        ("delta", _DELTA, "identity"),
        ("delta_gzip", _DELTA, "gzip"),
    ):
        request = Request(ours.url(PLAYLIST + query), headers={"Accept-Encoding": coding})
        with urlopen(request, timeout=60) as answer:
            length = len(answer.read())
        if name == "whole":
            report.add(subject, "first", (time.monotonic() - began) * 1000, "ms")
        report.add(subject, name, length, "bytes")
        say(f"  {name}: {length} bytes")


def _measure_viewers(
    report: Report,
    hours: str,
    ours: Station,
    recording: GrowingRecording,
    *,
    media: bool,
    options: argparse.Namespace,
) -> None:
    size = min(recording.end, _BACK * BIT_RATE // 8)
    seen = fetch(
        Fetch(
            *(ours.http, [ours.child.pid], options.viewers, options.seconds),
            playlist=PLAYLIST + _DELTA,
            file=f"/vod/{ID}/{RENDITION}/1.mp4",
            first=recording.end - size,
            size=size,
            span=int(BIT_RATE / 8 * SEGMENT) if media else 0,
            interval=SEGMENT,
            # Evenly over the interval, as those of a real show are.
            ramp=SEGMENT,
        )
    )
    ours.child.check()
    subject = f"{hours}, {_KINDS[media]}"
    report.add(subject, "server_core", seen.server_cpu / seen.seconds, "cores")
    report.add(subject, "delivery_p99", seen.delivery[1] * 1000, "ms")
    report.add(subject, "late", seen.late, "rounds")
    report.add(subject, "resident_after", resident_bytes(ours.child.pid) / 1e6, "MB")
    report.add(subject, "load_core", seen.load_cpu / seen.seconds, "cores")
    report.add(subject, "other_core", seen.other_cpu / seen.seconds, "cores")
    say(f"  {_KINDS[media]}: {seen.server_cpu / seen.seconds:.2%} of a core, {seen.late} late")
