"""`plan`: what the planner predicts, against the same load run for real on this machine.

`madang bench` measures first. Then each service gets as many clients as the planner says its core
holds, for real, and the processor time of the station is compared with what was predicted:

- `predicted`: clients (for the API: requests a second) that were predicted to take the share of
  the core that is planned with, or that the load can bring.
- `predicted_core`, `measured_core`: the share of the core that they were said to take, and took.
- `deviation`: how far the second is from the first; the planner is to be within 0.15.
- `stalls`: times that a viewer's player would have stood still: none, if the prediction holds.
- `served`: answers or messages that came, as a share of those that should have.

The viewers are those of `script/bench live`, which share no code with those that measured.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Final

from imageio_ffmpeg import get_ffmpeg_exe

from bench import probes
from bench.figures import Report, say
from bench.loads.plan import Watch, watch
from bench.processes import BenchFailed
from bench.station import station as live_station
from bench.stream import Sample, publishing, sample
from madang.ops.measure.bench import API_CLIENTS, API_PATH, MESSAGES, machine_name, measure
from madang.ops.measure.processes import cores_taken
from madang.ops.measure.station import station
from madang.plan.abilities import Abilities, parse
from madang.plan.capacity import CPU_USE

BIT_RATE: Final = 2_600_000
MOST_VIEWERS: Final = 4_000
MOST_GUESTS: Final = 3_000
"""More than these, and the core that loads is full before the station's."""

REST: Final = 3.0
"""Seconds over which a station without visitors is measured, which the planner has elsewhere."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--seconds", type=float, default=10.0, help="measured, of each load")
    parser.add_argument("--repeats", type=int, default=1, help="of each load")
    parser.add_argument("--abilities", type=Path, help="from madang bench, instead of measuring")
    parser.add_argument("--only", nargs="+", choices=RUNS, default=list(RUNS))


def main(options: argparse.Namespace) -> None:
    """Measure, predict, run, compare. Raises BenchFailed and MeasureFailed."""
    if options.abilities:
        abilities = parse(options.abilities.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
            abilities = measure(get_ffmpeg_exe(), Path(folder), lambda words: say(f"plan: {words}"))
    report = Report("plan", {"seconds": options.seconds, "processor": machine_name()})
    for name, found in abilities.measured.items():
        report.add("ability", name, found.value, "see madang bench")
    for name in options.only:
        for _ in range(options.repeats):
            with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
                RUNS[name](abilities, Path(folder), options.seconds, report)
    report.print({})


def _add(
    report: Report, subject: str, predicted: float, unit: str, cores: tuple[float, float]
) -> None:
    said, took = cores
    if not said or not took:
        raise BenchFailed(f"{subject}: no processor time was predicted or measured.")
    report.add(subject, "predicted", predicted, unit)
    report.add(subject, "predicted_core", said, "cores")
    report.add(subject, "measured_core", took, "cores")
    report.add(subject, "deviation", took / said - 1, "share")
    say(f"  {subject}: {predicted:.0f} {unit} take {took:.3f} of a core, predicted {said:.3f}")


def _live(abilities: Abilities, folder: Path, seconds: float, report: Report) -> None:
    stream: Sample = sample(BIT_RATE)
    once = abilities.figure("live_stream").value
    each = abilities.figure("live_viewer").value
    each += abilities.figure("live_gigabyte").value * stream.bit_rate / 8e9
    viewers = min(MOST_VIEWERS, int((CPU_USE - once) / each))
    say(f"plan: {viewers} viewers")
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(live_station(folder))
        rest = cores_taken(ours.child.pid, REST)
        publisher = stack.enter_context(publishing(stream, ours.publish_url("bench-0"), folder))
        playlist = probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
        seen = watch(
            Watch(
                kind="low-latency",
                port=ours.http,
                target=playlist.removeprefix(ours.url("")),
                viewers=viewers,
                seconds=seconds,
                pid=ours.child.pid,
                ramp=max(2.0, viewers / 500),
            )
        )
    took = seen.server_cpu / seen.seconds - rest
    _add(report, "live", viewers, "viewers", (once + viewers * each, took))
    report.add("live", "stalls", seen.stalls, "stalls")
    report.add("live", "lateness_p99", seen.lateness[1] * 1000, "ms")
    report.add("live", "load_core", seen.load_cpu / seen.seconds, "cores")


def _chat(abilities: Abilities, folder: Path, seconds: float, report: Report) -> None:
    once = MESSAGES * abilities.figure("chat_message").value
    ability = abilities.figure("chat_deliveries").value
    guests = min(MOST_GUESTS, int((CPU_USE - once) * ability / MESSAGES))
    say(f"plan: {guests} chat connections")
    with station(folder, ("plan",)) as ours:
        rest = cores_taken(ours.pid, REST)
        seen = ours.load("chat", "plan", guests, seconds, rate=MESSAGES)
    _add(
        report,
        "chat",
        guests,
        "connections",
        (once + guests * MESSAGES / ability, seen.cpu / seen.seconds - rest),
    )
    report.add("chat", "served", seen.count / (guests * MESSAGES * seen.seconds), "share")


def _api(abilities: Abilities, folder: Path, seconds: float, report: Report) -> None:
    rate = CPU_USE * abilities.figure("api_requests").value
    say(f"plan: {rate:.0f} API requests a second")
    # As many channels as where it was measured: an answer lists them.
    with station(folder, ("low", "high")) as ours:
        rest = cores_taken(ours.pid, REST)
        seen = ours.load("api", API_PATH, API_CLIENTS, seconds, rate=rate)
    _add(report, "api", rate, "requests/s", (CPU_USE, seen.cpu / seen.seconds - rest))
    report.add("api", "served", seen.count / (rate * seen.seconds), "share")


RUNS: Final = {"live": _live, "chat": _chat, "api": _api}
