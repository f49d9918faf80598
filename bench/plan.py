"""`plan`: what the planner predicts, against the same load run for real on this machine.

Rounds alternate: one measures as `madang bench` does, the next gives the service as many clients
as the planner says its core holds, for real, and so on, so that both sides see the same minutes of
a machine whose speed wanders. The medians of both sides are compared:

- `predicted`: clients (for the API: requests a second) that were predicted, after the first round,
  to take the share of the core that is planned with, or that the load can bring.
- `predicted_core`: the share of the core that they take by the abilities of all rounds, with the
  spread of what each round alone predicts; `measured_core`: what they took, with its spread.
- `deviation`: how far the median measured is from what the abilities of all rounds predict; the
  planner is to be within 0.15. `deviation_of_a_round` is that of each pair of rounds.
- `stalls`: times that a viewer's player would have stood still: none, if the prediction holds.
- `served`: answers or messages that came, as a share of those that should have.

The viewers are those of `script/bench live`, which share no code with those that measured. Each
load for real has a station of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from imageio_ffmpeg import get_ffmpeg_exe

from bench import probes
from bench.figures import Report, say
from bench.loads.plan import Watch, watch
from bench.processes import BenchFailed
from bench.station import station as live_station
from bench.stream import Sample, sample
from bench.stream import publishing as publishing_for_real
from madang.ops.measure import load_rounds
from madang.ops.measure.bench import build_benchmarks, machine_name, make_samples
from madang.ops.measure.load_rounds import API_CLIENTS, API_PATH, MESSAGE_RATE, Round, cores_at_rest
from madang.ops.measure.station import StationProcess, publish, run_station
from madang.plan.benchmarks import Benchmarks
from madang.plan.capacity import CPU_USE

BIT_RATE: Final = 2_600_000
MOST_VIEWERS: Final = 2_000
MOST_GUESTS: Final = 3_000
"""Clients above which the load's core is full before the station's."""

Extras = Mapping[str, tuple[float, str]]
"""Other figures of a load: value and unit by name."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service under comparison.

    `measure` is a round as `madang bench` makes it, which `solve` solves; `clients` is how many
    the planner says a core holds, `cores` what so many take, `run` what they took for real.
    """

    unit: str
    measure: Callable[[], Round]
    solve: Callable[[Round], dict[str, float]]
    clients: Callable[[Benchmarks], float]
    cores: Callable[[Benchmarks, float], float]
    run: Callable[[float], tuple[float, Extras]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--seconds", type=float, default=8.0, help="measured, of each load")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind, for each service")
    parser.add_argument("--only", nargs="+", choices=SERVICES, default=list(SERVICES))


def main(options: argparse.Namespace) -> None:
    """Measure, predict, run, compare. Raises BenchFailed and MeasureFailed."""
    conditions = {"seconds": options.seconds, "processor": machine_name()}
    report = Report("plan", conditions)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as folder:
        root = Path(folder)
        with run_station(_within(root, "measured"), ("low", "high")) as measured:
            for name in options.only:
                with SERVICES[name](measured, _within(root, name), options.seconds) as service:
                    _compare(name, service, options.rounds, report)
    report.print({})


def _compare(name: str, service: Service, repeats: int, report: Report) -> None:
    measured: list[Round] = []
    took: list[float] = []
    clients = 0.0
    for number in range(repeats):
        say(f"plan: {name}, round {number + 1} of {repeats}")
        measured.append(service.measure())
        if not number:
            clients = service.clients(_benchmarks(service, measured))
            report.add(name, "predicted", clients, service.unit)
        alone = service.cores(_benchmarks(service, measured[-1:]), clients)
        cores, extras = service.run(clients)
        if cores <= 0 or alone <= 0:
            raise BenchFailed(f"{name}: no processor time was predicted or measured.")
        took.append(cores)
        report.add(name, "measured_core", cores, "cores")
        report.add(name, "predicted_core_by_one_round", alone, "cores")
        report.add(name, "deviation_of_a_round", cores / alone - 1, "share")
        for extra, (value, unit) in extras.items():
            report.add(name, extra, value, unit)
        say(f"  {clients:.0f} {service.unit}: predicted {alone:.3f} of a core, took {cores:.3f}")
    benchmarks = _benchmarks(service, measured)
    for ability, found in benchmarks.measured.items():
        for end, value in (("low", found.low), ("value", found.value), ("high", found.high)):
            report.add("ability", f"{ability}_{end}", value, "see madang bench")
    predicted, median = service.cores(benchmarks, clients), statistics.median(took)
    report.add(name, "predicted_core", predicted, "cores")
    report.add(name, "deviation", median / predicted - 1, "share")
    say(f"  {name}: {predicted:.3f} predicted, {median:.3f} took: {median / predicted - 1:+.1%}")


def _benchmarks(service: Service, measured: list[Round]) -> Benchmarks:
    return build_benchmarks(load_rounds.solve_rounds(service.solve, measured))


def _within(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _live(measured: StationProcess, folder: Path, seconds: float) -> Iterator[Service]:
    stream: Sample = sample(BIT_RATE)

    def each(benchmarks: Benchmarks) -> float:
        gigabytes = stream.bit_rate / 8e9
        byte_cost = benchmarks.figure("live_gigabyte").value * gigabytes
        return benchmarks.figure("live_viewer").value + byte_cost

    def clients(benchmarks: Benchmarks) -> float:
        left = CPU_USE - benchmarks.figure("live_stream").value
        return min(MOST_VIEWERS, int(left / each(benchmarks)))

    with contextlib.ExitStack() as stack:
        quiet = cores_at_rest(measured.pid)
        for slug, film in zip(("low", "high"), make_samples(get_ffmpeg_exe(), folder), strict=True):
            stack.enter_context(publish(get_ffmpeg_exe(), film, measured, slug))
        paths = load_rounds.wait_for_playlists(measured)
        ours = stack.enter_context(live_station(folder))
        rest = cores_at_rest(ours.child.pid)
        publisher = stack.enter_context(
            publishing_for_real(stream, ours.publish_url("bench-0"), folder)
        )
        playlist = probes.media_playlist(publisher, ours.url("/live/bench-0/index.m3u8"))
        target = playlist.removeprefix(ours.url(""))

        def run(viewers: float) -> tuple[float, Extras]:
            result = watch(
                Watch(
                    kind="low-latency",
                    port=ours.http,
                    target=target,
                    viewers=round(viewers),
                    seconds=seconds,
                    pid=ours.child.pid,
                    ramp=max(2.0, viewers / 500),
                )
            )
            return result.server_cpu / result.seconds - rest, {
                "stalls": (result.stalls, "stalls"),
                "lateness_p99": (result.lateness[1] * 1000, "ms"),
                "load_core": (result.load_cpu / result.seconds, "cores"),
            }

        yield Service(
            "viewers",
            lambda: load_rounds.live_round(measured, paths, quiet),
            load_rounds.solve_live,
            clients,
            lambda benchmarks, n: benchmarks.figure("live_stream").value + n * each(benchmarks),
            run,
        )


@contextlib.contextmanager
def _chat(measured: StationProcess, folder: Path, seconds: float) -> Iterator[Service]:
    def cores(benchmarks: Benchmarks, guests: float) -> float:
        once = MESSAGE_RATE * benchmarks.figure("chat_message").value
        return once + guests * MESSAGE_RATE / benchmarks.figure("chat_deliveries").value

    def clients(benchmarks: Benchmarks) -> float:
        left = CPU_USE - MESSAGE_RATE * benchmarks.figure("chat_message").value
        return min(
            MOST_GUESTS, int(left * benchmarks.figure("chat_deliveries").value / MESSAGE_RATE)
        )

    with run_station(folder, ("plan",)) as ours:

        def run(guests: float) -> tuple[float, Extras]:
            rest = cores_at_rest(ours.pid)
            result = ours.load("chat", "plan", round(guests), seconds, rate=MESSAGE_RATE)
            served = result.count / (guests * MESSAGE_RATE * result.seconds)
            return result.cpu / result.seconds - rest, {"served": (served, "share")}

        yield Service(
            "connections",
            lambda: load_rounds.chat_round(measured, "low"),
            load_rounds.solve_chat,
            clients,
            cores,
            run,
        )


@contextlib.contextmanager
def _api(measured: StationProcess, folder: Path, seconds: float) -> Iterator[Service]:
    # As many channels as where it was measured: an answer lists them.
    with run_station(folder, ("low", "high")) as ours:

        def run(rate: float) -> tuple[float, Extras]:
            rest = cores_at_rest(ours.pid)
            result = ours.load("api", API_PATH, API_CLIENTS, seconds, rate=rate)
            served = result.count / (rate * result.seconds)
            return result.cpu / result.seconds - rest, {"served": (served, "share")}

        yield Service(
            "requests/s",
            lambda: load_rounds.api_round(measured),
            load_rounds.solve_api,
            lambda benchmarks: CPU_USE * benchmarks.figure("api_requests").value,
            lambda benchmarks, rate: rate / benchmarks.figure("api_requests").value,
            run,
        )


SERVICES: Final[
    Mapping[
        str, Callable[[StationProcess, Path, float], contextlib.AbstractContextManager[Service]]
    ]
] = {"api": _api, "chat": _chat, "live": _live}
