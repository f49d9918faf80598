"""Detection of clients that go on although the chat refuses them: log lines for Fail2ban.

Where clients connect to another machine first, Fail2ban runs there, and `report` brings it the
lines. A line stands for sixty refusals: nobody who types, and no program that waits as it is told
to, gets so many, and a flood does not fill the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from madang.chat.rate_limits import Buckets, Rate

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AbuseLimits:
    """Refusals of one participant and one address that are tolerated, and log lines about one."""

    requests: Rate
    connections: Rate
    lines: Rate


DEFAULT_LIMITS: Final = AbuseLimits(
    requests=Rate(60, 60.0),  # a message a second, for a minute, all refused
    # A school reconnects through one address when the chat restarts, and its programs wait longer
    # after each try; a flood does not.
    connections=Rate(300, 60.0),
    lines=Rate(1, 5.0),
)


class AbuseDetector:
    """Counts refusals. Times are seconds of a monotonic clock."""

    def __init__(self, limits: AbuseLimits = DEFAULT_LIMITS) -> None:
        self.report: Callable[[str], None] = lambda _: None
        self._requests = Buckets(limits.requests)
        self._connections = Buckets(limits.connections)
        self._lines = Buckets(limits.lines)

    def refused_connection(self, key: str, peer: str, reason: str, now: float) -> None:
        """Count a refused connection by `key`; `peer` is the whole address."""
        self._count(self._connections, key, peer, reason, now)

    def refused_request(self, key: str, peer: str, reason: str, now: float) -> None:
        """Count a refused request of the participant `key`."""
        self._count(self._requests, key, peer, reason, now)

    def sweep(self, now: float) -> None:
        """Forget clients that have stopped."""
        for buckets in (self._requests, self._connections, self._lines):
            buckets.sweep(now)

    def _count(self, buckets: Buckets, key: str, peer: str, reason: str, now: float) -> None:
        if buckets.take(key, now) is not None and self._lines.take(peer, now) is None:
            line = f"chat {peer}: refused again and again: {reason}"
            log.warning("%s", line)
            self.report(line)
