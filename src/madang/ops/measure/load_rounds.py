"""What a station's core does for visitors: rounds of loads, each of them an equation or two.

The same work costs more in one minute than in the next on a machine that is shared. So a round
holds every load once, rounds are repeated, and the medians of what the loads cost are solved for
the abilities: solving each round first and taking the median of each ability would mix equations
of different minutes.
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
from madang.ops.measure.station import Measured, wait_for
from madang.plan.benchmarks import Measure
from madang.plan.capacity import CPU_USE
from madang.wire.hls import parse_media, parse_multivariant

SECONDS: Final = 4.0
"""Of each load: long enough for a dozen parts and forty messages."""

CALM: Final = 3.0
"""Seconds in which a station finishes what it still does after its start, a quarter of a core for
one second, or after a thousand clients have left: no part of what it takes at rest."""

FEW_VIEWERS: Final = 500
VIEWERS: Final = 1500
FEW_GUESTS: Final = 400
GUESTS: Final = 2000
"""Two crowds, of which the larger is like those that a core holds: what their costs differ by is
the cost of a member, and what is left the cost of serving anybody. A member of a small crowd
costs more, as the processor has forgotten between two parts how to serve one."""

FAT_VIEWERS: Final = 800
"""Of the stream of the high bit rate: as many bytes as the loads' core takes easily."""

MESSAGES: Final = 10.0
"""A second in one room: livelier than most, and rarely two in one frame."""

API_CLIENTS: Final = 16
API_PATH: Final = "/api/v1/channels"


@dataclass(frozen=True, slots=True)
class Point:
    """What one load took: `cores` beyond those of the station at rest, for `count` parts, answers
    or messages and `gigabytes` (10**9 bytes), all a second."""

    cores: float
    count: float
    gigabytes: float


Round = Mapping[str, Point]
"""The loads of a round by name."""


def cores_at_rest(pid: int) -> float:
    """What the station takes where nobody comes or goes. Raises MeasureFailed."""
    time.sleep(CALM)
    return cores_taken(pid, SECONDS)


def api_round(measured: Measured) -> Round:
    """Requests at the pace that is planned with: where work queues up, threads wake each other
    less often, and a request costs less than it will. Raises MeasureFailed.
    """
    rest = cores_at_rest(measured.pid)
    full = measured.load("api", API_PATH, API_CLIENTS, SECONDS)
    # By processor time, not by the clock: what other work takes of the core is no part of it.
    pace = CPU_USE * full.count / (full.cpu - rest * full.seconds)
    paced = measured.load("api", API_PATH, API_CLIENTS, SECONDS, rate=pace)
    return {"paced": _point(paced, rest)}


def solve_api(points: Round) -> dict[str, float]:
    """Requests for a core."""
    return {"api_requests": points["paced"].count / points["paced"].cores}


def chat_round(measured: Measured, slug: str) -> Round:
    """Two crowds make two equations: so much for a message, so much for each who gets it.

    Raises MeasureFailed.
    """
    rest = cores_at_rest(measured.pid)
    few, many = (
        measured.load("chat", slug, guests, SECONDS, rate=MESSAGES)
        for guests in (FEW_GUESTS, GUESTS)
    )
    return {"few": _point(few, rest), "many": _point(many, rest)}


def solve_chat(points: Round) -> dict[str, float]:
    """Deliveries for a core, and core-seconds for a message. Raises MeasureFailed."""
    few, many = points["few"], points["many"]
    each = (many.cores - few.cores) / (many.count - few.count)
    if each <= 0:
        raise MeasureFailed("More guests took no more processor time; other work disturbs.")
    return {
        "chat_deliveries": 1 / each,
        "chat_message": (few.cores - each * few.count) / MESSAGES,
    }


def live_round(measured: Measured, paths: Mapping[str, str], quiet: float) -> Round:
    """Two crowds and another bit rate: so much for a viewer, for the stream, for a gigabyte.

    `paths` are the media playlists of the streams `low` and `high`, which are on the air; `quiet`
    is what the station takes where nothing is, in cores. Raises MeasureFailed.
    """
    # One of the two streams has nobody, in each of the loads.
    rest = (quiet + cores_at_rest(measured.pid)) / 2
    loads = (("few", "low", FEW_VIEWERS), ("many", "low", VIEWERS), ("fat", "high", FAT_VIEWERS))
    return {
        name: _point(measured.load("live", paths[slug], viewers, SECONDS), rest)
        for name, slug, viewers in loads
    }


def solve_live(points: Round) -> dict[str, float]:
    """Cores for the stream and for each viewer, core-seconds for a gigabyte."""
    few, many, fat = points["few"], points["many"], points["fat"]
    each = (many.cores - few.cores) / (VIEWERS - FEW_VIEWERS)
    bytes_each = (many.gigabytes - few.gigabytes) / (VIEWERS - FEW_VIEWERS)
    # What the crowd of the high bit rate would have taken at the low one.
    cores = few.cores + each * (FAT_VIEWERS - FEW_VIEWERS)
    gigabytes = few.gigabytes + bytes_each * (FAT_VIEWERS - FEW_VIEWERS)
    gigabyte = (fat.cores - cores) / (fat.gigabytes - gigabytes)
    return {
        "live_stream": few.cores - each * FEW_VIEWERS,
        "live_viewer": each - gigabyte * bytes_each,
        "live_gigabyte": gigabyte,
    }


def solved(
    solve: Callable[[Round], Mapping[str, float]], rounds: Sequence[Round]
) -> dict[str, Measure]:
    """The abilities from the medians of all rounds, with the spread of those from each alone.

    Raises MeasureFailed.
    """
    middle = {name: _middle([points[name] for points in rounds]) for name in rounds[0]}
    alone = [solve(points) for points in rounds]
    return {
        name: spread(value, [each[name] for each in alone]) for name, value in solve(middle).items()
    }


def spread(value: float, seen: Sequence[float]) -> Measure:
    """`value` and the spread of what was seen; below nothing, as a difference of two measurements
    can come out, is nothing."""
    kept = [max(0.0, each) for each in (value, *seen)]
    return Measure(kept[0], min(kept), max(kept))


def playlists(measured: Measured) -> dict[str, str]:
    """The media playlists of `low` and `high` once a player can begin. Raises MeasureFailed."""
    return {
        slug: wait_for(f"the stream {slug}", lambda s=slug: playlist(measured, s))
        for slug in ("low", "high")
    }


def playlist(measured: Measured, slug: str) -> str | None:
    """The path of the media playlist, once there is enough in it for a player to begin."""
    base = f"http://127.0.0.1:{measured.http}"
    master = _get(f"{base}/live/{slug}/index.m3u8")
    for variant in parse_multivariant(master).variants if master else ():
        url = urljoin(f"{base}/live/{slug}/", variant.uri)
        media = _get(url)
        if media and len(parse_media(media).segments) >= 3:
            return url.removeprefix(base)
    return None


def _point(seen: LoadResult, rest: float) -> Point:
    seconds = seen.seconds
    return Point(seen.cpu / seconds - rest, seen.count / seconds, seen.received / seconds / 1e9)


def _middle(points: Sequence[Point]) -> Point:
    """The median of each for one part, answer or message, and that of how many there were: their
    number may differ from round to round, and then goes with the cores that they took."""
    count = statistics.median(point.count for point in points)
    return Point(
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
