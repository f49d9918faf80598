"""Lateness of the oracle's own event loop: what a pause of the whole machine adds to every delay.

A stall of the server alone leaves the loop on time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

TICK = 0.05
"""Seconds between two looks at the clock."""


class Lateness:
    """Times at which the event loop did not run although a timer was due."""

    def __init__(self) -> None:
        self._late: list[tuple[float, float]] = []

    async def observe(self) -> None:
        """Look at the clock every `TICK` seconds until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + TICK
            await asyncio.sleep(TICK)
            if (now := loop.time()) > due:
                self._late.append((due, now))

    def between(self, begin: float, end: float) -> float:
        """Return the seconds of lateness from `begin` to `end`, on the loop's clock."""
        return sum(max(0.0, min(end, now) - max(begin, due)) for due, now in self._late)


@asynccontextmanager
async def observed_lateness() -> AsyncIterator[Lateness]:
    """Observe the running loop for the length of the context."""
    lateness = Lateness()
    observing = asyncio.create_task(lateness.observe())
    try:
        yield lateness
    finally:
        observing.cancel()
        with suppress(asyncio.CancelledError):
            await observing
