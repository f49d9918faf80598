"""Judgement of the time stamps of sound by its samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 500.0
"""Milliseconds of sound over which the advance of the stamps is measured."""

LEAST_ADVANCE: Final = 0.5
"""Advance of usable stamps per duration of the samples. Loss of frames makes it larger than 1."""

SETTLING: Final = 100
"""Frames after which the usual distance to the picture is known."""

DRIFT: Final = 500.0
"""Milliseconds by which that distance may grow before it is corrected."""

_SMOOTHING: Final = 1 / 64
_WRAP: Final = 1 << 32
_HALF: Final = 1 << 31


@dataclass(slots=True)
class SoundStamps:
    """Stamps in milliseconds modulo 2**32, all else in milliseconds."""

    usable: bool = True
    _last: int | None = None
    _heard: float = 0.0  # in this window
    _advance: float = 0.0
    _origin: float | None = None  # where this window began
    _lost: float = 0.0
    _followed: int = 0
    _behind: float = 0.0
    _usual: float | None = None

    def judge(self, stamp: int, duration: float, end: float) -> bool:
        """Tell whether `stamp` can place the next frame, which lasts `duration`. The sound so far
        ends at `end`.

        A stamp like the one before cannot: some encoders give several frames the same.
        """
        last, self._last = self._last, stamp
        step = 0 if last is None else (stamp - last + _HALF) % _WRAP - _HALF
        if self._heard >= WINDOW:
            self._end_window(end)
        if self._origin is None and last is not None:
            self._origin = end - self._heard
        self._heard += duration
        self._advance += step
        return self.usable and (step != 0 or last is None)

    def correction(self, behind: float) -> float:
        """Return by how much sound that follows by its samples has to be moved for what was lost,
        usually 0.

        `behind` is its distance to the newest frame. That varies with every arrival, but stays
        the same on average as long as no samples are missing.
        """
        if self.usable:
            return 0.0
        lost, self._lost = self._lost, 0.0
        self._followed += 1
        self._behind += (behind - lost - self._behind) * max(1 / self._followed, _SMOOTHING)
        if self._followed < SETTLING:
            return lost
        if self._usual is None:
            self._usual = self._behind
        if self._behind - self._usual <= DRIFT:
            return lost
        lost, self._behind = self._behind - self._usual, self._usual
        return lost

    def _end_window(self, end: float) -> None:
        usable = abs(self._advance) >= LEAST_ADVANCE * self._heard
        if usable is not self.usable:
            self.usable = usable
            self._usual = None
            self._followed, self._behind = 0, 0.0
            # Of sound whose stamps advance slowly, most frames were left out so far.
            missing = (self._origin or end) + self._heard - end
            self._lost = 0.0 if usable else max(0.0, missing)
        self._heard = self._advance = 0.0
        self._origin = end
