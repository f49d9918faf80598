"""Takeovers of a broadcast: an encoder that was displaced does not take over again by itself.

Two encoders with one key would otherwise displace each other at every automatic reconnection. Those
come after steady or slowly growing gaps; an attempt after a longer one is a person's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BACKOFF: Final = 2.5
"""Growth from one gap to the next that no automatic reconnection has: OBS multiplies by 1.5."""


@dataclass(frozen=True, slots=True)
class TakeoverLimits:
    """Seconds. An attempt `quiet` after the last one is a person's; that doubles each time that the
    encoder is displaced again, up to `longest`. A publisher that has sent nothing for `silence`
    does not count as being on the air."""

    quiet: float = 20.0
    longest: float = 300.0
    silence: float = 2.0


@dataclass(slots=True)
class _Displaced:
    quiet: float
    last_attempt: float
    gap: float = 0.0


class Takeovers:
    """Register of the encoders that were displaced in one broadcast.

    An encoder is known by its address and its name for itself. Times are seconds of a monotonic
    clock.
    """

    def __init__(self, limits: TakeoverLimits) -> None:
        self.count = 0
        self._limits = limits
        self._displaced: dict[tuple[str, str], _Displaced] = {}

    def displaced(self, address: str, encoder: str, now: float) -> None:
        """Register an encoder that was sending when another took over."""
        limits = self._limits
        self._displaced = {
            key: entry
            for key, entry in self._displaced.items()
            if now - entry.last_attempt <= limits.longest
        }
        earlier = self._displaced.get((address, encoder))
        quiet = limits.quiet if earlier is None else min(2 * earlier.quiet, limits.longest)
        self._displaced[address, encoder] = _Displaced(quiet, now)

    def hold_off(self, address: str, encoder: str, now: float) -> float:
        """Register an attempt; return the seconds after which another would be a person's, 0 if
        this one is, or if the encoder was not displaced."""
        entry = self._displaced.get((address, encoder))
        if entry is None:
            return 0.0
        gap, entry.last_attempt = now - entry.last_attempt, now
        needed = min(max(entry.quiet, BACKOFF * entry.gap), self._limits.longest)
        if gap >= needed:
            entry.gap = 0.0
            return 0.0
        entry.gap = gap
        return min(max(entry.quiet, BACKOFF * gap), self._limits.longest)
