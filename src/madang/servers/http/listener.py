"""The HTTP server of the roles with an event loop: accepts connections and drains them."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from collections.abc import Callable
from typing import Final

from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.servers.http.connection import HttpConnection
from madang.servers.http.exchange import Exchange, Replays, http_date
from madang.servers.http.limits import DEFAULT_LIMITS, HttpLimits
from madang.servers.http.listen_socket import listening_socket, prepare
from madang.servers.http.memfd_cache import MemfdCache
from madang.servers.http.poller import Poller

TIMER_SLACK: Final = 0.002
"""Seconds added to the timer of the next second, as timers of the event loop may fire early."""

DRAIN_POLL: Final = 0.02
"""Seconds between two checks whether all responses have been sent."""

Dispatch = Callable[[Exchange], object]

log = logging.getLogger(__name__)


class Listener:
    """The HTTP server; implements `connection.Owner`."""

    def __init__(
        self,
        host: str,
        port: int,
        dispatch: Dispatch,
        inherited: socket.socket | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        limits: HttpLimits = DEFAULT_LIMITS,
    ) -> None:
        """Listen at `host` and `port`, or at the `inherited` socket. Raises OSError."""
        if inherited is not None:
            prepare(inherited, limits.send_timeout)
        self._bound = inherited or listening_socket(host, port, limits.send_timeout)
        name = self._bound.getsockname()
        self._has_addresses = isinstance(name, tuple)  # a Unix socket's peers have none
        self.port: int = name[1] if self._has_addresses else 0
        self.server = (host, self.port)
        self.dispatch = dispatch
        self.limits = limits
        self.draining = False
        self.now = 0
        self.date = b""
        self.loop: asyncio.AbstractEventLoop
        self.poller: Poller
        self.memfd_cache = MemfdCache()
        self.replays: Replays = {}
        self._clock = clock
        self._connections: dict[HttpConnection, None] = {}
        self._max_connections = limits.max_connections
        self._accepting = False
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept connections on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self.poller = Poller()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            share = int(files * self.limits.descriptor_share)
            self._max_connections = min(self._max_connections, share)
        self._second()
        self._resume()

    def stop_accepting(self) -> None:
        """Stop accepting, and go on answering open connections.

        Other processes that share the socket go on; new connections wait in its backlog meanwhile.
        """
        self.draining = True
        self._pause()
        self._bound.close()

    async def stop(self, drain: float) -> None:
        """Stop accepting, wait at most `drain` seconds for due responses, and close everything."""
        self.stop_accepting()
        if self._timer is None:
            return
        for connection in list(self._connections):
            connection.drain()
        deadline = self.loop.time() + drain
        while any(each.busy for each in self._connections) and self.loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_POLL)  # once per process: no need for a signal
        self._timer.cancel()
        for connection in list(self._connections):
            connection.close()
        self.poller.close()
        self.memfd_cache.rotate()

    def tick(self) -> None:
        """Do what is due once a second: the time, the end of replays, and time limits."""
        self.now = int(self._clock.monotonic())
        self.date = f"date: {http_date(self._clock.wall())}\r\n\r\n".encode()
        self.replays.clear()
        self.memfd_cache.rotate()
        for connection in list(self._connections):
            connection.check(self.now)

    def connection_lost(self, connection: HttpConnection) -> None:
        """Forget a connection that was closed or detached."""
        self._connections.pop(connection, None)
        if not self._accepting and not self.draining:
            self._resume()

    def _second(self) -> None:
        self._timer = self.loop.call_later(1 - self._clock.wall() % 1 + TIMER_SLACK, self._second)
        self.tick()

    def _resume(self) -> None:
        if not self.draining:
            self._accepting = True
            self.loop.add_reader(self._bound.fileno(), self._accept)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            self.loop.remove_reader(self._bound.fileno())

    def _accept(self) -> None:
        for _ in range(self.limits.accept_batch):
            if len(self._connections) >= self._max_connections:
                self._pause()
                return
            try:
                accepted, address = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("no connection can be accepted for a second: %s", error)
                self._pause()
                self.loop.call_later(self.limits.accept_retry, self._resume)
                return
            accepted.setblocking(False)
            peer = address[0] if self._has_addresses else "127.0.0.1"
            self._connections[HttpConnection(self, accepted, peer)] = None
