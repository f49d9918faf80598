"""Clients of recordings: a playlist, and ranges of a file, at a pace or one after another."""

from __future__ import annotations

import random
from dataclasses import asdict
from functools import partial
from typing import Final

from bench.figures import percentile
from bench.loads.audience import Audience
from bench.loads.http import HttpViewer
from bench.loads.plan import Fetch, Fetched
from madang.ops.measure.processes import cpu_seconds

_HOST: Final = "127.0.0.1"


class RangeViewer(HttpViewer):
    """One client on one connection. Client `number` of each run asks for the same ranges."""

    def __init__(self, audience: Audience, number: int, load: Fetch) -> None:
        super().__init__(audience, f"{_HOST}:{load.port}", number)
        self._load = load
        self._random = random.Random(number)
        self._in_file = False
        self._due = self._began = 0.0
        self.late = 0

    def on_connected(self) -> None:
        self._due = self.audience.now()
        self._begin()

    def on_head(self, head: bytes, length: int) -> None:
        if self._in_file and length != self._load.span:
            self.fail(f"{length} bytes came of {self._load.span}")

    def on_body(self, data: memoryview) -> None:
        pass

    def on_end(self) -> None:
        if not self._in_file and self._load.span:
            self._ask_file()
            return
        now = self.audience.now()
        if self.audience.measuring:
            self.audience.pieces += 1
            self.audience.delivery.append(now - self._began)
        self._due = self._due + self._load.interval if self._load.interval else now
        if self._due > now:
            self.audience.loop.call_later(self._due - now, self._begin)
            return
        self.late += bool(self._load.interval) and self.audience.measuring
        self._begin()

    def _begin(self) -> None:
        if self._closing:
            return
        self._began = self.audience.now()
        if self._load.playlist:
            self._in_file = False
            self.request(self._load.playlist.encode())
        else:
            self._ask_file()

    def _ask_file(self) -> None:
        self._in_file = True
        load = self._load
        first = load.first + self._random.randrange(load.size - load.span + 1)
        self.request(load.file.encode(), first, load.span)


async def run(load: Fetch) -> Fetched:
    """Run `load`. Raises BenchFailed if an answer is wrong."""
    audience = Audience()
    viewers: list[RangeViewer] = []
    try:
        for number in range(load.clients):
            viewer = RangeViewer(audience, number, load)
            viewers.append(viewer)
            await audience.loop.create_connection(partial(_given, viewer), _HOST, load.port)
            await audience.run_for(load.ramp / load.clients)
        await audience.run_for(load.settle)
        return await _measure(load, audience, viewers)
    finally:
        for viewer in viewers:
            viewer.close()


def _given(viewer: RangeViewer) -> RangeViewer:
    return viewer


async def _measure(load: Fetch, audience: Audience, viewers: list[RangeViewer]) -> Fetched:
    window = await audience.measure(load.seconds, lambda: sum(map(cpu_seconds, load.pids)))
    return Fetched(
        **asdict(window),
        rounds=audience.pieces,
        late=sum(viewer.late for viewer in viewers),
        delivery=(percentile(audience.delivery, 0.5), percentile(audience.delivery, 0.99)),
    )
