"""How the processes that serve one chat hear of one another: a port, and one process alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from madang.chat.bus_events import BusEvent

Deliver = Callable[[BusEvent], None]


class Bus(Protocol):
    """Brings every note to every process, in one order that is the same for all of them.

    While what lies between the processes is away, each goes on alone; the others get what it said
    afterwards. A note is delivered to a process exactly once.
    """

    @property
    def connected(self) -> bool:
        """Whether the other processes can be reached."""

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver on the running event loop. Does not wait for a connection."""

    def publish(self, note: BusEvent) -> None:
        """Send a note; it is delivered here as well, now or a moment later."""

    async def close(self) -> None:
        """Send what is waiting, within a second, and stop."""


class MemoryBus:
    """For one process: what is said is delivered at once."""

    connected = True

    def __init__(self) -> None:
        self._deliver: Deliver | None = None

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver."""
        self._deliver = deliver

    def publish(self, note: BusEvent) -> None:
        """Deliver the note."""
        if self._deliver is not None:
            self._deliver(note)

    async def close(self) -> None:
        """Deliver nothing more."""
        self._deliver = None
