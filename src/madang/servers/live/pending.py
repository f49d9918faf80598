"""Requests that wait for the same thing: answered together, or refused after some time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from madang.servers.http.exchange import Responder

K = TypeVar("K", bound=Hashable)
A = TypeVar("A", bound=Responder)

LIMIT: Final = 3
"""Target durations that a client may wait (RFC 8216bis, section 6.2.5.2)."""


@dataclass(slots=True)
class PendingRequests(Generic[K, A]):
    """Requests by what they wait for, the longest waiting first."""

    _by_key: dict[K, list[tuple[float, A]]] = field(default_factory=dict)

    def add(self, key: K, exchange: A, give_up_at: float) -> None:
        """Let `exchange` wait for `key`."""
        self._by_key.setdefault(key, []).append((give_up_at, exchange))

    def settle(self, answer: Callable[[K], Callable[[A], None] | None]) -> None:
        """Call `answer` for each key; where it returns a function, call that for all who wait."""
        for key in list(self._by_key):
            respond = answer(key)
            if respond is not None:
                for _, exchange in self._by_key.pop(key):
                    respond(exchange)

    def expire(self, now: float) -> None:
        """Refuse the requests that waited too long."""
        for key, waiting in list(self._by_key.items()):
            late = 0
            while late < len(waiting) and waiting[late][0] <= now:
                waiting[late][1].refuse(503, "The stream does not go on. Try again.")
                late += 1
            del waiting[:late]
            if not waiting:
                del self._by_key[key]

    def refuse_all(self, status: int, words: str) -> None:
        """Refuse all requests."""
        for waiting in self._by_key.values():
            for _, exchange in waiting:
                exchange.refuse(status, words)
        self._by_key.clear()
