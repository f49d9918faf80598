"""Dispatch of exchanges to handlers by path."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from madang.infra.tasks import TaskSupervisor
from madang.servers.http.exchange import Exchange

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]

Handler = Callable[[Exchange], Work | None]
"""Answers an exchange, keeps it to answer later, or returns a coroutine that answers it."""


READ: Final = frozenset({"GET", "HEAD"})
METHODS: Final = READ | {"POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Methods that any handler may get: not TRACE, which shows a script the cookies it may not read."""

METHOD_REFUSED: Final = "This address does not have this method."


@dataclass(frozen=True, slots=True)
class Route:
    """A path and its handler. A path with a slash at its end stands for everything below it.

    `websocket`: the handler also takes WebSocket handshakes. Other `methods` are refused.
    """

    path: str
    handler: Handler
    websocket: bool = False
    methods: frozenset[str] = METHODS


class Router:
    """Dispatches exchanges to the first route that matches, otherwise to `fallback`."""

    def __init__(self, routes: Sequence[Route], fallback: Handler) -> None:
        self._exact = {each.path: each for each in routes if not each.path.endswith("/")}
        self._prefixes = [each for each in routes if each.path.endswith("/")]
        self._fallback = Route("/", fallback)
        self._tasks = TaskSupervisor(log, "an HTTP handler")

    def __call__(self, exchange: Exchange) -> None:
        """Answer an exchange, or start the coroutine that does."""
        route = self._route(exchange.path)
        if exchange.is_websocket and not route.websocket:
            exchange.refuse(404, "There is no WebSocket at this address.")
            return
        if exchange.method not in route.methods:
            exchange.refuse(405, METHOD_REFUSED, [allowed(route.methods)])
            return
        work = route.handler(exchange)
        if work is not None:
            self._tasks.spawn(_guarded(exchange, work))

    def _route(self, path: str) -> Route:
        for route in self._prefixes:
            if path.startswith(route.path):
                return route
        return self._exact.get(path, self._fallback)


def allowed(methods: frozenset[str]) -> tuple[str, str]:
    """Return the field Allow (RFC 9110, section 10.2.1)."""
    return "allow", ", ".join(sorted(methods))


async def _guarded(exchange: Exchange, work: Work) -> None:
    try:
        await work
    except Exception as error:
        if exchange.answered:
            raise
        exchange.fail(error)


def elsewhere(exchange: Exchange) -> None:
    """Answer for paths that another process of the station serves."""
    exchange.refuse(404, "Another process of this station answers here: see the proxy in front.")
