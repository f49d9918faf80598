"""Cause of a late stream: the encoder's uplink or its processor, by arrival against time stamps.

Over a full uplink a frame takes as long as its bytes do, and frames that had to wait come in
bursts. A processor that is too slow takes about as long for a small frame as for a large one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Cause = Literal["uplink", "processor", "unclear"]

MEMORY: Final = 1 - 1 / 160
"""Weight of a frame against the next one."""

ENOUGH: Final = 50
"""Weighted frames from which the cause can be told."""

UPLINK_SHARE: Final = 0.75
"""Share of the time that follows the bytes from which the uplink is the cause."""

PROCESSOR_SHARE: Final = 0.3
"""The same up to which it is the processor."""

UNCERTAIN: Final = 0.12
"""Standard error of that share from which it tells nothing: frames of all the same size."""

BURST_SPEED: Final = 5.0
"""Stream time per time of arrival that no encoder in need of a faster preset reaches."""

BURST: Final = 0.5
"""Seconds of the stream that come at that speed in a burst."""

BURST_COUNTS: Final = 20.0
"""Seconds for which a burst tells of the uplink."""


@dataclass(slots=True)
class Pace:
    """Sums over the frames of late, in constant memory. Times in seconds, sizes in bytes."""

    _weight: float = 0.0
    _size: float = 0.0
    _gap: float = 0.0
    _size_squared: float = 0.0
    _gap_squared: float = 0.0
    _size_gap: float = 0.0
    _burst: float = 0.0
    _burst_at: float | None = None

    def note(self, size: int, step: float, gap: float, now: float, *, late: bool) -> None:
        """Note a frame `step` after the one before by its stamp, and `gap` by its arrival.

        `late` is true where the frame arrives behind its time: only then a burst is one.
        """
        self._weight = self._weight * MEMORY + 1
        self._size = self._size * MEMORY + size
        self._gap = self._gap * MEMORY + gap
        self._size_squared = self._size_squared * MEMORY + size * size
        self._gap_squared = self._gap_squared * MEMORY + gap * gap
        self._size_gap = self._size_gap * MEMORY + size * gap
        if late and step > gap * BURST_SPEED:
            self._burst += step
            if self._burst >= BURST:
                self._burst_at = now
        else:
            self._burst = 0.0

    def cause(self, now: float) -> Cause:
        """Return the cause, should the stream be late."""
        if self._burst_at is not None and now - self._burst_at < BURST_COUNTS:
            return "uplink"
        weight = self._weight
        if weight < ENOUGH or not self._gap:
            return "unclear"
        size, gap = self._size / weight, self._gap / weight
        variance = self._size_squared / weight - size * size
        if variance < 1:
            return "unclear"
        # The slope of the regression of gaps on sizes, times the mean size, is the bytes' time.
        slope = (self._size_gap / weight - size * gap) / variance
        left = self._gap_squared / weight - gap * gap - slope * slope * variance
        share = slope * size / gap
        if math.sqrt(max(left, 0.0) / (variance * weight)) * size / gap > UNCERTAIN:
            return "unclear"
        if share >= UPLINK_SHARE:
            return "uplink"
        return "processor" if share <= PROCESSOR_SHARE else "unclear"
