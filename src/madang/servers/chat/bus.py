"""The bus between the processes that serve one chat: a port, and the bus of a single process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from madang.chat.bus_events import BusEvent

Deliver = Callable[[BusEvent], None]


class Bus(Protocol):
    """Delivers every event to every process exactly once, in one order.

    A process that cannot reach the others delivers its own events at once; the others get them
    afterwards.
    """

    @property
    def connected(self) -> bool:
        """Return whether the other processes can be reached."""

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver on the running event loop. Does not wait for a connection."""

    def publish(self, event: BusEvent) -> None:
        """Send an event; it is delivered here as well, at once or later."""

    async def close(self) -> None:
        """Send the waiting events, within a second, and stop."""


class MemoryBus:
    """The bus of a single process: events are delivered at once."""

    connected = True

    def __init__(self) -> None:
        self._deliver: Deliver | None = None

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver."""
        self._deliver = deliver

    def publish(self, event: BusEvent) -> None:
        """Deliver an event."""
        if self._deliver is not None:
            self._deliver(event)

    async def close(self) -> None:
        """Stop to deliver."""
        self._deliver = None
