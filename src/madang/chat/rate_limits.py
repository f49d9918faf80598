"""Rate limits: token buckets by person and by address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_KNOWN: Final = 100_000
"""Buckets in memory, which invented addresses must not fill."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once, refilled within `seconds`."""

    burst: int
    seconds: float


class Buckets:
    """One bucket per key; times in seconds of a monotonic clock."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at: dict[str, float] = {}

    def take(self, key: str, now: float) -> float | None:
        """Take a token; return None, or the seconds until there is one."""
        each = self._rate.seconds / self._rate.burst
        full_at = max(self._full_at.get(key, now), now)
        wait = full_at + each - now - self._rate.seconds
        if wait > 1e-9:
            return wait
        if key not in self._full_at and len(self._full_at) >= MAX_KNOWN:
            self.sweep(now)
            if len(self._full_at) >= MAX_KNOWN:
                return each
        self._full_at[key] = full_at + each
        return None

    def sweep(self, now: float) -> None:
        """Drop buckets that are full again."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
