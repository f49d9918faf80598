"""Capacity of one core of a station: rounds of loads, each load one or two equations.

The speed of a shared machine varies from minute to minute. A round has every load once, rounds are
repeated, and the medians of the loads' costs are solved for the abilities. Solving each round first
would mix equations of different minutes.
"""

from __future__ import annotations

import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.load import LoadResult
from madang.ops.measure.processes import cores_taken
from madang.ops.measure.station import StationProcess, wait_for
from madang.plan.benchmarks import Measure
from madang.plan.capacity import CPU_USE
from madang.wire.hls import parse_media, parse_multivariant

SECONDS: Final = 4.0
"""Length of a load: a dozen parts and forty messages."""

SETTLE_SECONDS: Final = 3.0
"""Time for a station to finish the work of its start (a quarter of a core for one second) or of a
thousand departures, which is not part of its load at rest."""

FEW_VIEWERS: Final = 500
VIEWERS: Final = 1500
FEW_GUESTS: Final = 400
GUESTS: Final = 2000
"""Sizes of a small and a large crowd, the latter about what a core holds. Their difference gives
the cost of a member, the rest the fixed cost. A member of a small crowd costs more, as the CPU
caches are cold."""

HIGH_RATE_VIEWERS: Final = 800
"""Viewers of the high bit rate: as many bytes as the core of the load handles easily."""

MESSAGE_RATE: Final = 10.0
"""Messages a second in one chat: busy, but rarely two in one frame."""

API_CLIENTS: Final = 16
API_PATH: Final = "/api/v1/channels"


@dataclass(frozen=True, slots=True)
class LoadCost:
    """Cost of one load: `cores` beyond those at rest, for `count` parts, answers or messages and
    `gigabytes` (10**9 bytes), all per second."""

    cores: float
    count: float
    gigabytes: float


Round = Mapping[str, LoadCost]
"""Costs of a round by name of the load."""


def cores_at_rest(pid: int) -> float:
    """Return the cores of a station without visitors. Raises MeasureFailed."""
    time.sleep(SETTLE_SECONDS)
    return cores_taken(pid, SECONDS)


def api_round(station: StationProcess) -> Round:
    """Measure API requests at the planned use of a core. Raises MeasureFailed.

    At full use threads wake each other less often, so a request would cost less.
    """
    rest = cores_at_rest(station.pid)
    full = station.load("api", API_PATH, API_CLIENTS, SECONDS)
    # By CPU time, not wall-clock time, to leave out other work on the core.
    pace = CPU_USE * full.count / (full.cpu - rest * full.seconds)
    paced = station.load("api", API_PATH, API_CLIENTS, SECONDS, rate=pace)
    return {"paced": _cost(paced, rest)}


def solve_api(points: Round) -> dict[str, float]:
    """Return the requests per core-second."""
    return {"api_requests": points["paced"].count / points["paced"].cores}


def chat_round(station: StationProcess, slug: str) -> Round:
    """Measure a small and a large chat: two equations for a message and its deliveries.

    Raises MeasureFailed.
    """
    rest = cores_at_rest(station.pid)
    few, many = (
        station.load("chat", slug, guests, SECONDS, rate=MESSAGE_RATE)
        for guests in (FEW_GUESTS, GUESTS)
    )
    return {"few": _cost(few, rest), "many": _cost(many, rest)}


def solve_chat(points: Round) -> dict[str, float]:
    """Return the deliveries per core-second and the core-seconds per message. Raises
    MeasureFailed."""
    few, many = points["few"], points["many"]
    each = (many.cores - few.cores) / (many.count - few.count)
    if each <= 0:
        raise MeasureFailed("More guests took no more processor time; other work disturbs.")
    return {
        "chat_deliveries": 1 / each,
        "chat_message": (few.cores - each * few.count) / MESSAGE_RATE,
    }


def live_round(station: StationProcess, paths: Mapping[str, str], quiet: float) -> Round:
    """Measure two crowds and a second bit rate: three equations for viewer, stream and gigabyte.

    `paths` are the media playlists of the live streams `low` and `high`; `quiet` is the use without
    streams, in cores. Raises MeasureFailed.
    """
    # In each load, one of the two streams has no viewers.
    rest = (quiet + cores_at_rest(station.pid)) / 2
    loads = (
        ("few", "low", FEW_VIEWERS),
        ("many", "low", VIEWERS),
        ("high_rate", "high", HIGH_RATE_VIEWERS),
    )
    return {
        name: _cost(station.load("live", paths[slug], viewers, SECONDS), rest)
        for name, slug, viewers in loads
    }


def solve_live(points: Round) -> dict[str, float]:
    """Return the cores per stream and per viewer, and the core-seconds per gigabyte."""
    few, many, high_rate = points["few"], points["many"], points["high_rate"]
    each = (many.cores - few.cores) / (VIEWERS - FEW_VIEWERS)
    bytes_each = (many.gigabytes - few.gigabytes) / (VIEWERS - FEW_VIEWERS)
    # Cost of the high-rate crowd at the low bit rate.
    cores = few.cores + each * (HIGH_RATE_VIEWERS - FEW_VIEWERS)
    gigabytes = few.gigabytes + bytes_each * (HIGH_RATE_VIEWERS - FEW_VIEWERS)
    gigabyte = (high_rate.cores - cores) / (high_rate.gigabytes - gigabytes)
    return {
        "live_stream": few.cores - each * FEW_VIEWERS,
        "live_viewer": each - gigabyte * bytes_each,
        "live_gigabyte": gigabyte,
    }


def solve_rounds(
    solve: Callable[[Round], Mapping[str, float]], rounds: Sequence[Round]
) -> dict[str, Measure]:
    """Return the abilities from the medians of all rounds, with the spread of the single rounds.

    Raises MeasureFailed.
    """
    middle = {name: _median_cost([points[name] for points in rounds]) for name in rounds[0]}
    alone = [solve(points) for points in rounds]
    return {
        name: with_spread(value, [each[name] for each in alone])
        for name, value in solve(middle).items()
    }


def with_spread(value: float, values: Sequence[float]) -> Measure:
    """Return `value` with the spread of all values; negative ones, possible as a difference of
    measurements, become 0."""
    kept = [max(0.0, each) for each in (value, *values)]
    return Measure(kept[0], min(kept), max(kept))


def wait_for_playlists(station: StationProcess) -> dict[str, str]:
    """Wait for the media playlists of `low` and `high`. Raises MeasureFailed."""
    return {
        slug: wait_for(f"the stream {slug}", lambda s=slug: playlist(station, s))
        for slug in ("low", "high")
    }


def playlist(station: StationProcess, slug: str) -> str | None:
    """Return the path of the media playlist, or None while a player could not start."""
    base = f"http://127.0.0.1:{station.http}"
    master = _get(f"{base}/live/{slug}/index.m3u8")
    for variant in parse_multivariant(master).variants if master else ():
        url = urljoin(f"{base}/live/{slug}/", variant.uri)
        media = _get(url)
        if media and len(parse_media(media).segments) >= 3:
            return url.removeprefix(base)
    return None


def _cost(result: LoadResult, rest: float) -> LoadCost:
    seconds = result.seconds
    return LoadCost(
        result.cpu / seconds - rest, result.count / seconds, result.received / seconds / 1e9
    )


def _median_cost(points: Sequence[LoadCost]) -> LoadCost:
    """Return the median cost per part, answer or message, times their median number: the number may
    differ between rounds, and then the cores differ with it."""
    count = statistics.median(point.count for point in points)
    return LoadCost(
        count * statistics.median(point.cores / point.count for point in points),
        count,
        count * statistics.median(point.gigabytes / point.count for point in points),
    )


def _get(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, OSError):
        return None
