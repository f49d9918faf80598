"""Program dates: the wall-clock time of instants of the common clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

SLEW: Final = 0.002
"""Seconds by which the date of a segment may be corrected: dates must agree with durations, and
over a whole playlist the corrections add up."""

LOST: Final = 1.0
"""Seconds of delay beyond the shortest from which the clocks are taken to disagree."""

PATIENCE: Final = 30.0
"""Seconds for which that has to last: a slow uplink recovers, a clock does not."""

DRIFT: Final = 0.001
"""Seconds per second by which an encoder's clock may be slower than ours."""

RENDITIONS: Final = 8
"""Dates remembered for transcoded renditions: more segments than they lag behind."""


@dataclass(slots=True)
class ProgramDates:
    """Maps the common clock to dates. `wall_offset` plus a monotonic `now` is seconds since 1970;
    it is taken once, so that setting the wall clock has no effect."""

    wall_offset: float
    _lead: float | None = None  # wall clock minus common clock, the shortest way seen
    _used: float | None = None
    _noted: float = 0.0
    _late_since: float | None = None
    _told: deque[tuple[float, datetime]] = field(default_factory=lambda: deque(maxlen=RENDITIONS))

    def note(self, at: float, now: float) -> None:
        """Note the arrival at `now` of a frame stamped `at` (seconds of the common clock)."""
        lead = now + self.wall_offset - at
        if self._lead is None:
            self._lead, self._noted = lead, now
        self._lead = min(lead, self._lead + DRIFT * (now - self._noted))
        self._noted = now
        if lead - self._lead <= LOST:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = now
        elif now - self._late_since > PATIENCE:
            self._lead = lead

    def restart(self) -> None:
        """Compare the clocks anew, after the common clock stood still."""
        self._lead = None
        self._used = None

    def date(self, at: float) -> datetime:
        """Return the date of the instant `at` of the common clock, where a segment begins.

        Renditions that follow the source ask for the same instant, and get the same date.
        """
        for known, date in self._told:
            if known == at:
                return date
        lead = self._lead if self._lead is not None else self.wall_offset
        if self._used is None or lead - self._used > LOST:
            self._used = lead
        else:
            self._used += max(-SLEW, min(SLEW, lead - self._used))
        date = datetime.fromtimestamp(at + self._used, UTC)
        self._told.append((at, date))
        return date
