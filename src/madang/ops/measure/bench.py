"""All measurements, one after another: about a minute.

Costs are processor seconds of the station, not time on the clock: other work on the machine
disturbs them less, and they say what a core does, whatever else the machine has.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from madang.ops.measure import encoders
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cores_taken
from madang.ops.measure.station import Measured, publishing, station, wait_for
from madang.plan.abilities import KINDS, Abilities, Measure
from madang.plan.capacity import CPU_USE
from madang.wire.hls import parse_media, parse_multivariant

REPEATS: Final = 3
"""Enough to see a spread, and to let the median leave one disturbance out."""

SECONDS: Final = 4.0
"""Of each load: the kernel counts processor time in hundredths."""

FEW_VIEWERS: Final = 200
VIEWERS: Final = 800
FEW_GUESTS: Final = 400
GUESTS: Final = 2000
"""Two crowds, of which the larger is like those that a core holds: what their costs differ by is
the cost of a member, and what is left the cost of serving anybody."""

MESSAGES: Final = 10.0
"""A second in one room: livelier than most, and rarely two in one frame."""

API_CLIENTS: Final = 16
API_PATH: Final = "/api/v1/channels"
LOW: Final = 600_000
HIGH: Final = 5_000_000
"""Bits per second: far enough apart that what a request costs and what a byte costs part."""

BLOCK: Final = 1 << 20
BLOCKS: Final = 128
"""Written and flushed to the disk: more than its own cache holds."""

Say = Callable[[str], None]


def measure(program: str, folder: Path, say: Say) -> Abilities:
    """Measure this machine. `program` is ffmpeg, `folder` lies on the disk that counts; `say` is
    told what is under way. Raises MeasureFailed.
    """
    found: dict[str, Measure] = {}
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="measure-", dir=folder) as place:
        root = Path(place)
        say("disk")
        found["disk_write"] = _measured([_disk(root) for _ in range(REPEATS)])
        say("films")
        low = encoders.film(program, root / "low.flv", LOW - 64_000, 10)
        high = encoders.film(program, root / "high.flv", HIGH - 64_000, 10)
        source = encoders.film(program, root / "source.flv", 2_500_000)
        say("encoders")
        found |= _encoders(program, source)
        with station(root, ("low", "high")) as measured:
            rest = cores_taken(measured.pid, SECONDS)
            say("API")
            found["api_requests"] = _api(measured, rest)
            say("chat")
            found |= _chat(measured, rest)
            with (
                publishing(program, low, measured, "low"),
                publishing(program, high, measured, "high"),
            ):
                say("live delivery")
                found |= _live(measured, rest)
    return Abilities(
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


def _measured(values: Sequence[float]) -> Measure:
    # A difference of two measurements can come out below nothing: that is nothing.
    kept = [max(0.0, value) for value in values]
    return Measure(statistics.median(kept), min(kept), max(kept))


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
        "ladder_480p": _measured(one),
        "ladder_360p": _measured([b - a for a, b in zip(one, two, strict=True)]),
        "archive_h265": _measured([encoders.archive(program, source, "h265")]),
        "archive_av1": _measured([encoders.archive(program, source, "av1")]),
    }


def _api(measured: Measured, rest: float) -> Measure:
    """Requests for a core, at the pace that is planned with: where work queues up, threads wake
    each other less often, and a request costs less than it will.

    `rest` is what the station takes where nobody is, in cores.
    """
    full = measured.load("api", API_PATH, API_CLIENTS, SECONDS)
    pace = CPU_USE * full.count / full.seconds
    seen = [measured.load("api", API_PATH, API_CLIENTS, SECONDS, rate=pace) for _ in range(REPEATS)]
    return _measured([each.count / (each.cpu - rest * each.seconds) for each in seen])


def _chat(measured: Measured, rest: float) -> dict[str, Measure]:
    """Two crowds make two equations: so much for a message, so much for each who gets it.

    `rest` is what the station takes where nobody is, in cores.
    """
    of_messages: list[float] = []
    deliveries: list[float] = []
    for _ in range(REPEATS):
        few, many = (
            measured.load("chat", "low", guests, SECONDS, rate=MESSAGES)
            for guests in (FEW_GUESTS, GUESTS)
        )
        cost_few, cost_many = few.cpu / few.seconds - rest, many.cpu / many.seconds - rest
        each = (cost_many - cost_few) / (many.count / many.seconds - few.count / few.seconds)
        if each <= 0:
            raise MeasureFailed("More guests took no more processor time; other work disturbs.")
        deliveries.append(1 / each)
        of_messages.append((cost_few - each * few.count / few.seconds) / MESSAGES)
    return {"chat_deliveries": _measured(deliveries), "chat_message": _measured(of_messages)}


def _live(measured: Measured, rest: float) -> dict[str, Measure]:
    """Two bit rates and two crowds: so much for a gigabyte, for a viewer, for the stream.

    `rest` is what the station takes where nothing is on the air, in cores.
    """
    paths = {
        slug: wait_for(f"the stream {slug}", lambda s=slug: _playlist(measured, s))
        for slug in ("low", "high")
    }
    unwatched = (cores_taken(measured.pid, SECONDS) - rest) / 2
    of_bytes: list[float] = []
    of_viewers: list[float] = []
    of_streams: list[float] = []
    for _ in range(REPEATS):
        few, many, fat = (
            measured.load("live", paths[slug], viewers, SECONDS)
            for slug, viewers in (("low", FEW_VIEWERS), ("low", VIEWERS), ("high", VIEWERS))
        )
        # One of the two streams on the air has nobody, in each of the three.
        cost_few, cost_many, cost_fat = (
            each.cpu / each.seconds - rest - unwatched for each in (few, many, fat)
        )
        sent_few, sent_many, sent_fat = (
            each.received / each.seconds / 1e9 for each in (few, many, fat)
        )
        gigabyte = (cost_fat - cost_many) / (sent_fat - sent_many)
        viewer = (cost_many - cost_few - gigabyte * (sent_many - sent_few)) / (
            VIEWERS - FEW_VIEWERS
        )
        of_bytes.append(gigabyte)
        of_viewers.append(viewer)
        of_streams.append(cost_few - gigabyte * sent_few - viewer * FEW_VIEWERS)
    return {
        "live_stream": _measured(of_streams),
        "live_viewer": _measured(of_viewers),
        "live_gigabyte": _measured(of_bytes),
    }


def _playlist(measured: Measured, slug: str) -> str | None:
    """The path of the media playlist, once there is enough in it for a player to begin."""
    base = f"http://127.0.0.1:{measured.http}"
    master = _get(f"{base}/live/{slug}/index.m3u8")
    for variant in parse_multivariant(master).variants if master else ():
        url = urljoin(f"{base}/live/{slug}/", variant.uri)
        media = _get(url)
        if media and len(parse_media(media).segments) >= 3:
            return url.removeprefix(base)
    return None


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, OSError):
        return None


def compared(abilities: Abilities) -> Iterator[tuple[str, Measure | None, float]]:
    """Every ability: what was measured, and the built-in figure."""
    for name, kind in KINDS.items():
        yield name, abilities.measured.get(name), kind.reference
