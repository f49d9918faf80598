"""Metrics of durable jobs, of the whole station."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from madang.apps.jobs import services
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import DatabaseAway, DatabaseThreads

FRESH_SECONDS: Final = 10.0
"""Age of figures after which they are asked for again."""


class JobMetrics:
    """Collects the numbers of jobs, on the event loop and without waiting for the database: what is
    shown was asked for by the collection before, and is missing while the database is away."""

    def __init__(self, threads: DatabaseThreads, clock: Clock = SYSTEM_CLOCK) -> None:
        self._threads = threads
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    def collect(self) -> Iterable[Metric]:
        """Return the figures, and ask for newer ones."""
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= FRESH_SECONDS:
            self._ask(now)
        jobs = GaugeMetricFamily("madang_jobs", "Jobs of the station.", labels=["state"])
        for state, count in self._counts.items():
            jobs.add_metric([state], count)
        yield jobs

    def _ask(self, now: float) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return  # registered before the loop runs
        if self._asking is None or self._asking.done():
            self._asked_at = now
            self._asking = loop.create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            self._counts = await self._threads.run(services.counts)
        except DatabaseAway:
            self._counts = {}
