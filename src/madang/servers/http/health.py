"""`/healthz`, `/readyz` and `/metrics` for load balancers, watchdogs and Prometheus."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import DatabaseThreads
from madang.servers.http.exchange import NO_STORE, Exchange
from madang.servers.http.metrics import CONTENT_TYPE, Metrics
from madang.servers.http.router import READ, Route


@dataclass(frozen=True, slots=True)
class HealthLimits:
    """Limits of readiness checks, in seconds."""

    cache_time: float = 1.0
    """Lifetime of a result: frequent probes must not load the database."""

    check_timeout: float = 3.0
    """Time for all checks together: probes that wait longer take the station for dead."""


DEFAULT_LIMITS: Final = HealthLimits()

HEALTH_PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})

METRICS_REFUSED: Final = (
    "Metrics are for this machine. From others, send 'Authorization: Bearer TOKEN' "
    "with the setting http.metrics_token."
)

Check = Callable[[], None]
"""Raises an exception, whose text says what does not work."""


class HealthEndpoints:
    """Handlers for the operator's tools.

    `checks`, by name, must pass for the station to take traffic; they run on a thread.
    `metrics_token` opens /metrics to other machines. `draining` makes /readyz fail.
    """

    def __init__(
        self,
        metrics: Metrics,
        database: DatabaseThreads,
        checks: Sequence[tuple[str, Check]],
        metrics_token: str | None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        limits: HealthLimits = DEFAULT_LIMITS,
    ) -> None:
        self._metrics = metrics
        self._database = database
        self._checks = checks
        self._token = metrics_token
        self._clock = clock
        self._limits = limits
        self._cached: tuple[float, list[str]] | None = None
        self._running: asyncio.Future[list[str]] | None = None
        self.draining = False

    def routes(self) -> list[Route]:
        """Return the routes of all handlers."""
        return [
            Route("/healthz", self.alive, methods=READ),
            Route("/readyz", self.ready, methods=READ),
            Route("/metrics", self.metrics, methods=READ),
        ]

    def alive(self, exchange: Exchange) -> None:
        """Answer 200: the process runs, and its event loop too."""
        exchange.answer(200, [("content-type", "text/plain"), NO_STORE], b"alive\n")

    async def ready(self, exchange: Exchange) -> None:
        """Answer 200 where the station takes traffic, otherwise 503 with the reasons."""
        failures = ["The station is shutting down."] if self.draining else await self._check()
        if failures:
            exchange.refuse(503, "\n".join(failures))
        else:
            exchange.answer(200, [("content-type", "text/plain"), NO_STORE], b"ready\n")

    def metrics(self, exchange: Exchange) -> None:
        """Answer with metrics to clients on this machine, and to others that have the token."""
        given = exchange.header("authorization").removeprefix("Bearer ").encode()
        allowed = exchange.is_local() or (
            self._token is not None and hmac.compare_digest(given, self._token.encode())
        )
        if not allowed:
            exchange.refuse(403, METRICS_REFUSED)
            return
        exchange.answer(200, [("content-type", CONTENT_TYPE), NO_STORE], self._metrics.render())

    async def _check(self) -> list[str]:
        cached = self._cached
        if cached is not None and self._clock.monotonic() - cached[0] < self._limits.cache_time:
            return cached[1]
        if self._running is None or self._running.done():
            # One run for all probes: a database that hangs must not take a thread for each.
            self._running = asyncio.ensure_future(self._database.run(lambda: failing(self._checks)))
        timeout = self._limits.check_timeout
        await asyncio.wait([self._running], timeout=timeout)
        if not self._running.done():
            return [f"The checks take longer than {timeout:g} s."]
        failures = self._running.result()
        self._cached = (self._clock.monotonic(), failures)
        return failures


def failing(checks: Sequence[tuple[str, Check]]) -> list[str]:
    """Return the names and error texts of the checks that fail."""
    failures: list[str] = []
    for name, check in checks:
        try:
            check()
        except Exception as error:  # noqa: BLE001  # whatever a check raises is its verdict
            failures.append(f"{name}: {error}")
    return failures
