"""State shared by all viewers of a load: clock, counters, measured window."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.processes import SERVER_CORE, BenchFailed, busy_seconds

STARVED: Final = 0.8
"""Share of the measured time below which a viewer counts as not watching."""


@dataclass(frozen=True, slots=True)
class Window:
    """Costs of the measured window: seconds, bytes received, processor seconds of the
    server and of the load, and of others on the server's core."""

    seconds: float
    received: int
    server_cpu: float
    load_cpu: float
    other_cpu: float


class Audience:
    """Counters of one load. `measuring` is true in the window whose figures are reported.

    `lateness` is in seconds, from when the first viewer could know of a piece to when a viewer
    had all of it; `delivery` from a viewer's request for it.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        # Not the loop's own time, which stands still while it serves a round of connections.
        self.now = time.monotonic
        self.measuring = False
        self.received = 0
        self.pieces = 0
        self.lateness = array("d")
        self.delivery = array("d")
        self.stalls = 0
        self._failed: asyncio.Future[None] = self.loop.create_future()

    def fail(self, reason: str) -> None:
        """End the run: a server did something wrong. The first reason counts."""
        if not self._failed.done():
            self._failed.set_exception(BenchFailed(reason))

    async def measure(self, seconds: float, server_cpu: Callable[[], float]) -> Window:
        """Let the viewers watch while everything counts. `server_cpu` returns the processor seconds
        of the server. Raises BenchFailed where one has failed, or nobody received anything."""
        received, cpu = self.received, server_cpu()
        busy, own, began = busy_seconds(SERVER_CORE), time.process_time(), self.now()
        self.measuring = True
        await self.run_for(seconds)
        self.measuring = False
        cpu = server_cpu() - cpu
        if not self.pieces:
            raise BenchFailed("Nobody received anything.")
        return Window(
            seconds=self.now() - began,
            received=self.received - received,
            server_cpu=cpu,
            load_cpu=time.process_time() - own,
            other_cpu=max(0.0, busy_seconds(SERVER_CORE) - busy - cpu),
        )

    async def run_for(self, seconds: float) -> None:
        """Let the viewers watch. Raises BenchFailed as soon as one has failed."""
        await asyncio.wait([self._failed], timeout=seconds)
        if self._failed.done():
            self._failed.result()


class Playhead:
    """State of one viewer's player: it starts `hold` seconds behind what arrives first.

    `media` counts the seconds of stream that arrived in the measured window.
    """

    __slots__ = ("_audience", "_baseline", "_hold", "_last", "media")

    def __init__(self, audience: Audience, hold: float) -> None:
        self._audience = audience
        self._hold = hold
        self._baseline: float | None = None
        self._last = 0.0
        self.media = 0.0

    def watched(self, seconds: float) -> bool:
        """Return whether the whole stream came, but for what the player may be behind."""
        return self.media > 0 and self.media >= seconds - self._hold

    def arrived(self, position: float, now: float) -> None:
        """The piece that plays at `position` (seconds of the stream) is here, whole, at `now`."""
        offset = now - position
        measuring = self._audience.measuring
        if self._baseline is None:
            self._baseline = offset
        elif measuring:
            self.media += position - self._last
            if offset > self._baseline + self._hold:
                self._audience.stalls += 1
                # The player stood still until now and goes on from here.
                self._baseline = offset - self._hold
        else:
            self._baseline = min(self._baseline, offset)
        self._last = position
