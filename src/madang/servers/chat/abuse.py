"""Who goes on although the chat refuses him: a line in the log, by which Fail2ban shuts him out.
Where clients reach another machine first, Fail2ban is there, and so `tell` brings it the line.

A line stands for sixty refusals, not for one: nobody who types, and no program that waits as it is
told to, comes to one, and a flood does not fill the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from madang.chat.rate_limits import Buckets, Rate

REQUESTS: Final = Rate(60, 60.0)
"""What is refused to one speaker: a message a second, for a minute, that nobody lets through."""

CONNECTIONS: Final = Rate(300, 60.0)
"""Connections refused to one address. A school comes back through one address when the chat
restarts, and its programs wait longer after each try; a flood does not."""

LINES: Final = Rate(1, 5.0)
"""What the log is told of one address."""

log = logging.getLogger(__name__)


class AbuseDetector:
    """Counts refusals. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = lambda _: None
        self._requests = Buckets(REQUESTS)
        self._connections = Buckets(CONNECTIONS)
        self._lines = Buckets(LINES)

    def refused_connection(self, key: str, peer: str, reason: str, now: float) -> None:
        """A connection was refused: `key` is what limits count by, `peer` the whole address."""
        self._count(self._connections, key, peer, reason, now)

    def refused_request(self, key: str, peer: str, reason: str, now: float) -> None:
        """Something was refused to a speaker: `key` says to which one."""
        self._count(self._requests, key, peer, reason, now)

    def sweep(self, now: float) -> None:
        """Forget who has stopped."""
        for buckets in (self._requests, self._connections, self._lines):
            buckets.sweep(now)

    def _count(self, buckets: Buckets, key: str, peer: str, reason: str, now: float) -> None:
        if buckets.take(key, now) is not None and self._lines.take(peer, now) is None:
            words = f"chat {peer}: refused again and again: {reason}"
            log.warning("%s", words)
            self.tell(words)
