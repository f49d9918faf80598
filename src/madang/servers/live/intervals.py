"""Work that is due again and again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Interval:
    """Every so many seconds, counted from the first call of `due`."""

    seconds: float
    _next: float | None = None

    def due(self, now: float) -> bool:
        """Return whether the interval is over, and begin the next one if so."""
        if self._next is not None and now < self._next:
            return False
        first, self._next = self._next is None, now + self.seconds
        return not first
