"""Which server answers which address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from madang.base.addresses import Network
from madang.servers.chat.handshake import PATH as CHAT_PATH
from madang.servers.chat.handshake import ChatHandshake
from madang.servers.http.exchange import Exchange
from madang.servers.http.health import HealthEndpoints
from madang.servers.live.handlers import LiveHandlers
from madang.servers.live.hub import LiveHub

Answer = Callable[[Exchange], None]


def elsewhere(exchange: Exchange) -> None:
    """Answer for addresses that another process of the station has, in a role that has none."""
    exchange.refuse(404, "Another process of this station answers here: see the proxy in front.")


class Router:
    """Live media and the operator's tools from memory; `static` files and `pages` as they are
    given, `elsewhere` in a process without them."""

    def __init__(
        self,
        hub: LiveHub | None,
        operations: HealthEndpoints,
        static: Answer,
        pages: Answer,
        trusted_proxies: tuple[Network, ...],
        *,
        chat: ChatHandshake | None = None,
    ) -> None:
        self._live = LiveHandlers(hub, trusted_proxies) if hub is not None else None
        self._operations = operations
        self._static = static
        self._pages = pages
        self._chat = chat
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, exchange: Exchange) -> None:
        """Answer an exchange, or hand it to whoever does."""
        path = exchange.path
        if path.startswith("/live/") and self._live is not None:
            waiting = self._live(exchange)
            if waiting is not None:
                self._spawn(exchange, waiting)
        elif path.startswith(CHAT_PATH) and self._chat is not None:
            waiting = self._chat(exchange)
            if waiting is not None:
                self._spawn(exchange, waiting)
        elif exchange.is_websocket:
            exchange.refuse(404, "There is no WebSocket at this address.")
        elif path.startswith("/static/"):
            self._static(exchange)
        elif path == "/healthz":
            self._operations.alive(exchange)
        elif path == "/readyz":
            self._spawn(exchange, self._operations.ready(exchange))
        elif path == "/metrics":
            self._operations.metrics(exchange)
        else:
            self._pages(exchange)

    def _spawn(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # the server answers 500 and logs it
                if not exchange.answered:
                    exchange.fail(error)
                else:
                    raise

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
