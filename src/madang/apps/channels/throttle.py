"""Limit of distinct wrong stream keys per address."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final

from madang.base.addresses import neighbourhood

WRONG_KEYS: Final = 30
"""Distinct wrong keys of an address within `WINDOW`: a school's mistyped keys stay far below."""
WINDOW: Final = 600.0
"""Seconds for which a wrong key counts."""
ADDRESSES_REMEMBERED: Final = 10_000
"""Bounds the memory used in a flood from many addresses; the longest idle is evicted."""


class WrongKeys:
    """Register of the wrong keys of each address. Thread-safe.

    An address is an IPv4 address or an IPv6 /64. `now` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[str, dict[str, float]] = OrderedDict()

    def note(self, address: str, fingerprint: str, now: float) -> bool:
        """Register a wrong key by a hash of it; return False if it is one too many.

        A key counts once, however often an encoder repeats it.
        """
        place = neighbourhood(address)
        with self._lock:
            times = self._seen.setdefault(place, {})
            self._seen.move_to_end(place)
            if len(self._seen) > ADDRESSES_REMEMBERED:
                self._seen.popitem(last=False)
            for old in [key for key, at in times.items() if at <= now - WINDOW]:
                del times[old]
            if fingerprint not in times and len(times) >= WRONG_KEYS:
                return False
            times[fingerprint] = now
            return True
