"""`beside`: what a live show loses to uploads and to the queue of jobs.

One stream of 4 Mbit/s is sent to viewers of low-latency HLS and recorded, by a station on one core,
which meanwhile takes uploads as fast as a line of 1 Gbit/s brings them, makes renditions of
uploaded videos, does both, or nothing else. Figures:

- `lateness_p99`: from when the first viewer could know of a part to when a viewer had all of it.
- `stalls`: how often a player would have stood still.
- `missing`: seconds that the recording lacks.
- `uploaded`: bytes a second of the uploads.
- `server_core`, `load_core`, `other_core`: how busy the station with its jobs was, the load's core,
  and the server's with other things.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.figures import Report, say
from bench.loads.plan import Sent, Upload, upload
from bench.processes import BenchFailed
from bench.show import Show, measure, on_the_air
from bench.station import METADATA, command, upload_file, upload_token
from bench.stream import looped, sample

BIT_RATE: Final = 4_000_000
LINE: Final = 125_000_000
"""Bytes a second."""

SUBJECTS: Final = {
    "nothing": (False, False),
    "uploads": (True, False),
    "jobs": (False, True),
    "uploads and jobs": (True, True),
}
"""What there is beside the show: uploads, jobs."""

_LOOPS: Final = 30
_BEFORE: Final = 12.0
"""Seconds for which uploads go on beside those measured."""

_LIMIT: Final = 60.0
"""Seconds until a job must have begun."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--uploads", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, from 10")
    parser.add_argument("--repeats", type=int, default=3)


def main(options: argparse.Namespace) -> None:
    """Measure with `options` and print the figures. Raises BenchFailed."""
    if options.seconds < 10:
        raise BenchFailed("Segments last two seconds: measure for 10 or more.")
    stream = sample(BIT_RATE)
    report = Report(
        "beside",
        {
            "seconds": options.seconds,
            "viewers": options.viewers,
            "uploads": options.uploads,
            **stream.conditions,
        },
    )
    with TemporaryDirectory(prefix="madang-bench-") as made:
        file = looped(stream, _LOOPS, Path(made))
        for repeat in range(options.repeats):
            for subject, (uploads, jobs) in SUBJECTS.items():
                say(f"beside: {subject}, {repeat + 1} of {options.repeats}")
                with on_the_air(stream, {}) as show:
                    if jobs:
                        _queue_jobs(show, file)
                    if uploads:
                        _measure_beside_uploads(report, subject, show, options)
                    else:
                        measure(report, subject, show, options.viewers, options.seconds)
    nothing, *others = SUBJECTS
    report.print({subject: [nothing] for subject in others})


def _queue_jobs(show: Show, file: Path) -> None:
    """Upload files, and wait until renditions are made."""
    token = upload_token(show.folder)
    for _ in range(2):
        upload_file(show.station, token, file)
    deadline = time.monotonic() + _LIMIT
    while not any(
        row["kind"] == "transcode-video" and row["state"] == "running"
        for row in command(show.folder, "jobs", "list")
    ):
        if time.monotonic() > deadline:
            raise BenchFailed(f"No job began within {_LIMIT:g} s.")


def _measure_beside_uploads(
    report: Report, subject: str, show: Show, options: argparse.Namespace
) -> None:
    size = int(LINE * (options.seconds + _BEFORE) / options.uploads)
    load = Upload(
        *(show.station.http, [show.station.child.pid], options.uploads, size, size + 1),
        metadata=METADATA,
        token=upload_token(show.folder),
        rate=LINE,
    )
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(upload, load)
        measure(report, subject, show, options.viewers, options.seconds)
        if sending.done():
            raise BenchFailed("The uploads ended before the measurement.")
        sent: Sent = sending.result()
    report.add(subject, "uploaded", sent.sent / sent.seconds / 1e6, "MB/s")
