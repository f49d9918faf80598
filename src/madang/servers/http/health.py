"""`/healthz`, `/readyz` and `/metrics`: for load balancers, watchdogs and Prometheus."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from typing import Final

from madang.infra.database import DatabaseThreads
from madang.servers.http.exchange import NO_STORE, Exchange
from madang.servers.http.metrics import CONTENT_TYPE, Metrics

READY_CACHE: Final = 1.0
"""Seconds for which a look at the database counts; probes must not become a load."""

CHECK_TIMEOUT: Final = 3.0
"""Seconds for all checks together: a probe that waits longer counts the station as dead."""

METRICS_REFUSED: Final = (
    "Metrics are for this machine. From others, send 'Authorization: Bearer TOKEN' "
    "with the setting http.metrics_token."
)

Check = Callable[[], None]
"""Raises an exception, with words, where something does not work."""


class HealthEndpoints:
    """Answers the operator's tools.

    `checks` are what must work for the station to take traffic; they run on a thread.
    `metrics_token` opens /metrics to other machines.
    """

    def __init__(
        self,
        metrics: Metrics,
        database: DatabaseThreads,
        checks: Sequence[tuple[str, Check]],
        metrics_token: str | None,
    ) -> None:
        self._metrics = metrics
        self._database = database
        self._checks = checks
        self._token = metrics_token
        self._known: tuple[float, list[str]] | None = None
        self._looking: asyncio.Future[list[str]] | None = None
        self.draining = False

    def alive(self, exchange: Exchange) -> None:
        """The process runs and its event loop turns."""
        exchange.answer(200, [("content-type", "text/plain"), NO_STORE], b"alive\n")

    async def ready(self, exchange: Exchange) -> None:
        """The station takes traffic; otherwise 503 says why."""
        troubles = ["The station is shutting down."] if self.draining else await self._troubles()
        if troubles:
            exchange.refuse(503, "\n".join(troubles))
        else:
            exchange.answer(200, [("content-type", "text/plain"), NO_STORE], b"ready\n")

    def metrics(self, exchange: Exchange) -> None:
        """Figures for Prometheus: to this machine, and to whoever has the token."""
        given = exchange.header("authorization").removeprefix("Bearer ").encode()
        allowed = exchange.is_local() or (
            self._token is not None and hmac.compare_digest(given, self._token.encode())
        )
        if not allowed:
            exchange.refuse(403, METRICS_REFUSED)
            return
        exchange.answer(200, [("content-type", CONTENT_TYPE), NO_STORE], self._metrics.render())

    async def _troubles(self) -> list[str]:
        if self._known is not None and time.monotonic() - self._known[0] < READY_CACHE:
            return self._known[1]
        if self._looking is None or self._looking.done():
            # One look for all who ask: a database that hangs must not take a thread per probe.
            self._looking = asyncio.ensure_future(self._database.run(lambda: failing(self._checks)))
        await asyncio.wait([self._looking], timeout=CHECK_TIMEOUT)
        if not self._looking.done():
            return [f"The checks take longer than {CHECK_TIMEOUT:g} s."]
        troubles = self._looking.result()
        self._known = (time.monotonic(), troubles)
        return troubles


def failing(checks: Sequence[tuple[str, Check]]) -> list[str]:
    """Return what each check that fails says."""
    failing: list[str] = []
    for name, check in checks:
        try:
            check()
        except Exception as error:  # noqa: BLE001  # whatever a check raises is its verdict
            failing.append(f"{name}: {error}")
    return failing
