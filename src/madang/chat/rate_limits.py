"""Who may use how much of the chat: token buckets by person and by address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

MAX_KNOWN: Final = 100_000
"""Buckets that are remembered; invented addresses must not fill the memory."""

_V6_NEIGHBOURHOOD: Final = 64
"""Bits: a household is given a whole /64 (RFC 6177)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `burst` at once, and `burst` again in `seconds`."""

    burst: int
    seconds: float


class Buckets:
    """One bucket for every key; times in seconds of a monotonic clock."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at: dict[str, float] = {}

    def take(self, key: str, now: float) -> float | None:
        """Take one; None where there was one, else the seconds until there is."""
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
        """Forget buckets that are full again."""
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}


def neighbourhood(address: str) -> str:
    """What of an address limits and bans count by: all of IPv4, the first 64 bits of IPv6."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> _V6_NEIGHBOURHOOD << _V6_NEIGHBOURHOOD))
    return address
