"""Rate limit of wrong stream keys per address."""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Lock
from typing import Final

WRONG_KEYS_PER_MINUTE: Final = 10
"""An encoder with a mistyped key retries a few times a minute; a guesser tries thousands."""
ADDRESSES_REMEMBERED: Final = 10_000
"""Bounds the memory used in a flood from many addresses; the longest idle is evicted."""
_MINUTE: Final = 60.0


class WrongKeys:
    """Counter of wrong keys per address over the last minute. Thread-safe.

    `now` is in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def exhausted(self, address: str, now: float) -> bool:
        """Return True if `address` has reached the limit."""
        with self._lock:
            times = self._seen.get(address)
            if times is None:
                return False
            while times and times[0] <= now - _MINUTE:
                times.popleft()
            return len(times) >= WRONG_KEYS_PER_MINUTE

    def note(self, address: str, now: float) -> None:
        """Count a wrong key from `address`."""
        with self._lock:
            times = self._seen.setdefault(address, deque(maxlen=WRONG_KEYS_PER_MINUTE))
            times.append(now)
            self._seen.move_to_end(address)
            if len(self._seen) > ADDRESSES_REMEMBERED:
                self._seen.popitem(last=False)
