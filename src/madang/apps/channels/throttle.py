"""How often one address may show a wrong stream key."""

from __future__ import annotations

from collections import OrderedDict, deque
from threading import Lock
from typing import Final

WRONG_KEYS_PER_MINUTE: Final = 10
"""An encoder with a mistyped key retries a few times a minute; a guesser tries thousands."""
ADDRESSES_REMEMBERED: Final = 10_000
"""Bounds the memory that a flood from many addresses can take; the longest quiet is forgotten."""
_MINUTE: Final = 60.0


class WrongKeys:
    """Counts wrong keys per address over the last minute. Safe to share between threads.

    `now` is an instant of one monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def exhausted(self, address: str, now: float) -> bool:
        """Whether `address` has used up its tries for this minute."""
        with self._lock:
            times = self._seen.get(address)
            if times is None:
                return False
            while times and times[0] <= now - _MINUTE:
                times.popleft()
            return len(times) >= WRONG_KEYS_PER_MINUTE

    def note(self, address: str, now: float) -> None:
        """Remember one wrong key shown by `address`."""
        with self._lock:
            times = self._seen.setdefault(address, deque(maxlen=WRONG_KEYS_PER_MINUTE))
            times.append(now)
            self._seen.move_to_end(address)
            if len(self._seen) > ADDRESSES_REMEMBERED:
                self._seen.popitem(last=False)
