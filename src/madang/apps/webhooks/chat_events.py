"""Events of the chats that run in this process, on their way to the queue of deliveries."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from madang.apps.webhooks import services
from madang.chat.model import Message, ModerationAction
from madang.infra.clock import SYSTEM_CLOCK, Clock

WANTED_SECONDS: Final = 5.0
"""Age of the list of events that any webhook wants: a new webhook waits so long."""

MAX_EVENTS: Final = 10_000
"""Events that wait for a database that is away."""

_BANS: Final = {"ban", "timeout"}


class ChatEventQueue:
    """Takes events on the event loop without waiting; `flush` stores them on a thread."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._events: deque[tuple[int, str, Mapping[str, Any], datetime]] = deque()
        self._wanted: set[tuple[int, str]] = set()
        self._wanted_until = float("-inf")
        self._flushing = threading.Lock()

    def add(self, channel: int, value: Message | ModerationAction) -> None:
        """Take a message or an action of the chat of `channel`, if any webhook wants it."""
        if isinstance(value, Message):
            if (channel, "message") in self._wanted:
                self._append(channel, "message", value.as_json())
        elif value.kind in _BANS and (channel, "ban") in self._wanted:
            content = {
                "person": value.person,
                "name": value.name,
                "by": value.by_name,
                "seconds": value.seconds,
                "reason": value.reason,
            }
            self._append(channel, "ban", content)

    def flush(self) -> None:
        """Store what was taken. What could not be stored stays. Raises django.db.Error."""
        with self._flushing:
            if self._clock.monotonic() >= self._wanted_until:
                self._wanted = services.wanted()
                self._wanted_until = self._clock.monotonic() + WANTED_SECONDS
            while self._events:
                services.queue(*self._events[0])
                self._events.popleft()

    def _append(self, channel: int, event: str, content: Mapping[str, Any]) -> None:
        if len(self._events) < MAX_EVENTS:
            at = datetime.fromtimestamp(self._clock.wall(), UTC)
            self._events.append((channel, event, content, at))
