"""A point in time that several steps share."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Deadline:
    """`seconds` from now, on the clock `now`."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._at = now() + seconds

    def left(self, at_most: float = math.inf, *, keep: float = 0.0) -> float:
        """Return the seconds that a step may take: what is left but for `keep`, which later steps
        need, and not more than `at_most`."""
        return max(0.0, min(at_most, self._at - self._now() - keep))
