"""All measurements in sequence, about four minutes.

Costs are CPU seconds of the station, not wall-clock time: other work on the machine disturbs them
less, and they do not depend on the number of cores.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from madang.ops.measure import encoders
from madang.ops.measure.load_rounds import (
    api_round,
    chat_round,
    cores_at_rest,
    live_round,
    solve_api,
    solve_chat,
    solve_live,
    solve_rounds,
    wait_for_playlists,
    with_spread,
)
from madang.ops.measure.station import publish, run_station
from madang.plan.benchmarks import KINDS, Benchmarks, Measure

REPEATS: Final = 3
"""Enough to show a spread, and for the median to drop one disturbed round."""

LOW: Final = 600_000
HIGH: Final = 5_000_000
"""Bits per second, far enough apart to separate the cost of a request from that of a byte."""

BLOCK: Final = 1 << 20
BLOCKS: Final = 128
"""Number of blocks written and flushed: more than the disk's own cache."""

ReportProgress = Callable[[str], None]


def measure_machine(program: str, folder: Path, report: ReportProgress) -> Benchmarks:
    """Measure this machine. Raises MeasureFailed.

    `program` is ffmpeg, `folder` is on the disk to measure; `report` receives the name of each
    step.
    """
    found: dict[str, Measure] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="measure-", dir=folder) as name:
        root = Path(name)
        report("disk")
        found["disk_write"] = _median([_disk(root) for _ in range(REPEATS)])
        report("films")
        low, high = make_samples(program, root)
        source = encoders.make_video(program, root / "source.flv", 2_500_000)
        report("encoders")
        found |= _encoders(program, source)
        with run_station(root, ("low", "high")) as station:
            report("API")
            found |= solve_rounds(solve_api, [api_round(station) for _ in range(REPEATS)])
            report("chat")
            found |= solve_rounds(solve_chat, [chat_round(station, "low") for _ in range(REPEATS)])
            report("live delivery")
            quiet = cores_at_rest(station.pid)
            with (
                publish(program, low, station, "low"),
                publish(program, high, station, "high"),
            ):
                paths = wait_for_playlists(station)
                rounds = [live_round(station, paths, quiet) for _ in range(REPEATS)]
            found |= solve_rounds(solve_live, rounds)
    return build_benchmarks(found)


def make_samples(program: str, folder: Path) -> tuple[Path, Path]:
    """Create the videos of the streams `low` and `high`, with LOW and HIGH bits per second."""
    return (
        encoders.make_video(program, folder / "low.flv", LOW - 64_000, 10),
        encoders.make_video(program, folder / "high.flv", HIGH - 64_000, 10),
    )


def build_benchmarks(found: dict[str, Measure]) -> Benchmarks:
    """Return the results as benchmarks of this machine, taken now."""
    return Benchmarks(
        {name: found[name] for name in KINDS if name in found},
        machine_name(),
        os.cpu_count() or 1,
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def machine_name() -> str:
    """Return the names of processor and kernel."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(models, platform.machine())}, {platform.system()} {platform.release()}"


def _median(values: list[float]) -> Measure:
    return with_spread(statistics.median(values), values)


def _disk(root: Path) -> float:
    """Return the bytes per second written to the disk, flushed."""
    block = os.urandom(BLOCK)
    path = root / "disk"
    began = time.monotonic()
    with path.open("wb") as file:
        for _ in range(BLOCKS):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    took = time.monotonic() - began
    path.unlink()
    return BLOCK * BLOCKS / took


def _encoders(program: str, source: Path) -> dict[str, Measure]:
    one = [encoders.ladder(program, source, [480]) for _ in range(REPEATS)]
    two = [encoders.ladder(program, source, [480, 360]) for _ in range(REPEATS)]
    return {
        "ladder_480p": _median(one),
        "ladder_360p": _median([b - a for a, b in zip(one, two, strict=True)]),
        "archive_h265": _median([encoders.archive(program, source, "h265")]),
        "archive_av1": _median([encoders.archive(program, source, "av1")]),
    }


def with_reference(benchmarks: Benchmarks) -> Iterator[tuple[str, Measure | None, float]]:
    """Yield the name, the measured value and the built-in value of every ability."""
    for name, kind in KINDS.items():
        yield name, benchmarks.measured.get(name), kind.reference
