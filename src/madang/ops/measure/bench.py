"""All measurements, one after another: about four minutes.

Costs are processor seconds of the station, not time on the clock: other work on the machine
disturbs them less, and they say what a core does, whatever else the machine has.
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
    playlists,
    solve_api,
    solve_chat,
    solve_live,
    solved,
    spread,
)
from madang.ops.measure.station import publishing, station
from madang.plan.benchmarks import KINDS, Benchmarks, Measure

REPEATS: Final = 3
"""Enough to see a spread, and to let the median leave one disturbance out."""

LOW: Final = 600_000
HIGH: Final = 5_000_000
"""Bits per second: far enough apart that what a request costs and what a byte costs part."""

BLOCK: Final = 1 << 20
BLOCKS: Final = 128
"""Written and flushed to the disk: more than its own cache holds."""

Say = Callable[[str], None]


def measure_machine(program: str, folder: Path, say: Say) -> Benchmarks:
    """Measure this machine. `program` is ffmpeg, `folder` lies on the disk that counts; `say` is
    told what is under way. Raises MeasureFailed.
    """
    found: dict[str, Measure] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="measure-", dir=folder) as place:
        root = Path(place)
        say("disk")
        found["disk_write"] = _median([_disk(root) for _ in range(REPEATS)])
        say("films")
        low, high = films(program, root)
        source = encoders.film(program, root / "source.flv", 2_500_000)
        say("encoders")
        found |= _encoders(program, source)
        with station(root, ("low", "high")) as measured:
            say("API")
            found |= solved(solve_api, [api_round(measured) for _ in range(REPEATS)])
            say("chat")
            found |= solved(solve_chat, [chat_round(measured, "low") for _ in range(REPEATS)])
            say("live delivery")
            quiet = cores_at_rest(measured.pid)
            with (
                publishing(program, low, measured, "low"),
                publishing(program, high, measured, "high"),
            ):
                paths = playlists(measured)
                rounds = [live_round(measured, paths, quiet) for _ in range(REPEATS)]
            found |= solved(solve_live, rounds)
    return measured_benchmarks(found)


def films(program: str, folder: Path) -> tuple[Path, Path]:
    """The films of the streams `low` and `high`, of `LOW` and `HIGH` bits per second."""
    return (
        encoders.film(program, folder / "low.flv", LOW - 64_000, 10),
        encoders.film(program, folder / "high.flv", HIGH - 64_000, 10),
    )


def measured_benchmarks(found: dict[str, Measure]) -> Benchmarks:
    """What was found, on this machine, now."""
    return Benchmarks(
        {name: found[name] for name in KINDS if name in found},
        machine_name(),
        os.cpu_count() or 1,
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def machine_name() -> str:
    """The processor and the kernel."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{next(models, platform.machine())}, {platform.system()} {platform.release()}"


def _median(values: list[float]) -> Measure:
    return spread(statistics.median(values), values)


def _disk(root: Path) -> float:
    """Bytes per second to the disk, flushed."""
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


def compared(benchmarks: Benchmarks) -> Iterator[tuple[str, Measure | None, float]]:
    """Every ability: what was measured, and the built-in figure."""
    for name, kind in KINDS.items():
        yield name, benchmarks.measured.get(name), kind.reference
