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
from collections.abc import Mapping
from typing import Final

from bench.figures import Report, say
from bench.processes import BenchFailed
from bench.show import measure, on_the_air
from bench.stream import sample

BIT_RATE: Final = 4_000_000
VIEWERS: Final = (1, 100, 500)

SUBJECTS: Final[Mapping[str, Mapping[str, str]]] = {
    "recorded": {},
    "not-recorded": {"MADANG_RECORDING__RECORD": "never", "MADANG_RECORDING__REWIND": "false"},
}


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
                with on_the_air(stream, settings) as show:
                    measure(report, f"{subject}, {viewers} viewers", show, viewers, options.seconds)
    report.print(
        {
            f"recorded, {viewers} viewers": [f"not-recorded, {viewers} viewers"]
            for viewers in options.viewers
        }
    )
