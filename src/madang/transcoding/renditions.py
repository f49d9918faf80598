"""The renditions that a file gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from madang.transcoding.playable import plays_everywhere
from madang.transcoding.source import Source, VideoStream

SEGMENT_SECONDS: Final = 4
"""Seconds between key frames, which all renditions have at the same times."""

SHORT_SIDES: Final = (1080, 720, 480, 360)
"""Shorter sides of renditions in pixels; upright pictures have the same."""

_PEAK_RATES: Final = {1080: 6_000_000, 720: 3_500_000, 480: 1_600_000, 360: 900_000}
_LEAST_RATE: Final = 600_000
_USUAL_FRAME_RATE: Final = 30.0
"""Bits per second at 30 frames per second; twice the frames take half as much again."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """A rendition to be encoded: its size in square pixels, and the bit rate that it may reach."""

    name: str
    width: int
    height: int
    peak_bitrate: int


def renditions(source: Source, *, copied: bool) -> tuple[Rendition, ...]:
    """Return the renditions to encode, the largest first: never larger than the picture.

    Where the picture is `copied` and every browser plays it they are smaller than it; otherwise the
    first is as large as the picture, up to 1080p.
    """
    picture = source.picture
    if picture is None:
        return ()
    short = picture.short_side
    served = copied and plays_everywhere(picture)
    sides = [side for side in SHORT_SIDES if side < short or (side == short and not served)]
    if not served and short < SHORT_SIDES[0] and short not in sides:
        # Even, and named by what it is: 4:2:0 has no odd sizes.
        sides.insert(0, max(2, short // 2 * 2))
    return tuple(_rendition(picture, side) for side in sides)


def _rendition(picture: VideoStream, short: int) -> Rendition:
    width, height = picture.display_size
    factor = short / min(width, height)
    known = [rate for side, rate in _PEAK_RATES.items() if short >= side]
    rate = max(known, default=_LEAST_RATE)
    frame_rate = float(picture.average_rate or _USUAL_FRAME_RATE)
    more = 1.5 if frame_rate > 1.2 * _USUAL_FRAME_RATE else 1.0
    return Rendition(f"{short}p", _even(width * factor), _even(height * factor), round(rate * more))


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)
