"""Count of viewers: a viewer is a client that plays, not a request.

A playing client fetches media again and again. It is known by its X-Playback-Session-Id (Apple's
players send one, ours does too), otherwise by its address and what it calls itself; two alike
players behind one address without that header count as one. An FLV connection is one viewer for as
long as it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

HOLDS: Final = {"part": 6.0, "segment": 15.0}
"""Seconds for which a fetch of such a file counts as playing. For parts these are many
durations, so that a player that buffers for a moment is not counted twice; whole segments are
fetched at most every target duration. The init segment shows nothing."""

FETCHES_TO_COUNT: Final = 2
"""One fetch may be a link preview or a probe; a player comes back for the next."""

MAX_KNOWN: Final = 50_000
"""Clients remembered per channel; invented session ids must not fill the memory."""


@dataclass(slots=True)
class _Client:
    until: float
    fetches: int


@dataclass(slots=True)
class Audience:
    """The viewers of one show. Times in seconds of a monotonic clock.

    `viewer_seconds` adds up over time: divided by the length of the show it is the mean.
    """

    max_known: int = MAX_KNOWN
    peak: int = 0
    viewer_seconds: float = 0.0
    count: int = 0
    _clients: dict[str, _Client] = field(default_factory=dict)
    _readers: int = 0
    _swept_at: float | None = None

    def fetched(self, client: str, hold: float, now: float) -> None:
        """Note that `client` fetched media, which shows that it plays for `hold` seconds."""
        known = self._clients.get(client)
        if known is not None:
            known.until = max(known.until, now + hold)
            known.fetches += 1
        elif len(self._clients) < self.max_known:
            self._clients[client] = _Client(now + hold, 1)

    def reader_came(self) -> None:
        """Count a continuous stream that was opened."""
        self._readers += 1

    def reader_left(self) -> None:
        """Stop counting a continuous stream that ended."""
        self._readers -= 1

    def sweep(self, now: float) -> int:
        """Forget clients that left, and return the count of viewers. Call about once a second."""
        if self._swept_at is not None:
            self.viewer_seconds += self.count * (now - self._swept_at)
        self._swept_at = now
        gone = [name for name, client in self._clients.items() if client.until < now]
        for name in gone:
            del self._clients[name]
        playing = sum(1 for client in self._clients.values() if client.fetches >= FETCHES_TO_COUNT)
        self.count = playing + self._readers
        self.peak = max(self.peak, self.count)
        return self.count
