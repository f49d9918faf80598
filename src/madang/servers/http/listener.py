"""The HTTP port of the roles with an event loop: accepts connections, and sees them off."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import time
from collections.abc import Callable
from typing import Final

from madang.servers.http.connection import HttpConnection
from madang.servers.http.exchange import Exchange, Replays, http_date
from madang.servers.http.listen_socket import listening_socket, prepare
from madang.servers.http.memfd_cache import MemfdCache
from madang.servers.http.poller import Poller

MAX_CONNECTIONS: Final = 20_000
"""Connections at a time; whoever comes then waits to be accepted. Those that chat and continuous
streams have taken over do not count."""

FILES: Final = 0.75
"""Part of the files that the process may open which connections get: whoever opens many and says
nothing must not keep encoders out and the database closed."""

AT_ONCE: Final = 200
"""Connections accepted before what else is due on the loop has its turn."""

BREATHER: Final = 1.0
"""Seconds until it is tried again to accept, where the process has no file left for it."""

EARLY: Final = 0.002
"""Seconds by which a timer of the event loop may come too early, and a little more."""

LOOK: Final = 0.02
"""Seconds between two looks whether all answers are out, at the end."""

Dispatch = Callable[[Exchange], object]

log = logging.getLogger(__name__)


class Listener:
    """The HTTP port. `start` takes traffic, `stop` ends it."""

    def __init__(
        self, host: str, port: int, dispatch: Dispatch, handed: socket.socket | None = None
    ) -> None:
        """Listen at `host` and `port`, or at the socket that was `handed` in. Raises OSError."""
        if handed is not None:
            prepare(handed)
        self._bound = handed or listening_socket(host, port)
        name = self._bound.getsockname()
        self._named = isinstance(name, tuple)  # not a Unix socket, whose peers have no address
        self.port: int = name[1] if self._named else 0
        self.server = (host, self.port)
        self.dispatch = dispatch
        self.leaving = False
        self.now = 0
        self.date = b""
        self.loop: asyncio.AbstractEventLoop
        self.poller: Poller
        self.memfd_cache = MemfdCache()
        self.replays: Replays = {}
        self._connections: dict[HttpConnection, None] = {}
        self._most = MAX_CONNECTIONS
        self._accepting = False
        self._clock: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept connections on the running event loop."""
        self.loop = asyncio.get_running_loop()
        self.poller = Poller()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files != resource.RLIM_INFINITY:
            self._most = min(MAX_CONNECTIONS, int(files * FILES))
        self._tick()
        self._resume()

    def withdraw(self) -> None:
        """Stop accepting, and go on answering who is connected.

        Other processes that share the socket go on, and whoever comes meanwhile waits in its queue.
        """
        self.leaving = True
        self._pause()
        self._bound.close()

    async def stop(self, drain: float) -> None:
        """Stop accepting, and wait until open exchanges have ended, at most `drain` seconds."""
        self.withdraw()
        if self._clock is None:
            return
        for connection in list(self._connections):
            connection.leave()
        until = self.loop.time() + drain
        while any(each.busy for each in self._connections) and self.loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK)  # the end comes once: answers need not tell of theirs
        self._clock.cancel()
        for connection in list(self._connections):
            connection.close()
        self.poller.close()
        self.memfd_cache.turn()

    def gone(self, connection: HttpConnection) -> None:
        """A connection has ended, or was given away."""
        self._connections.pop(connection, None)
        if not self._accepting and not self.leaving:
            self._resume()

    def _tick(self) -> None:
        now = time.time()
        # A timer that comes a moment early would come again and again until the second ends.
        self._clock = self.loop.call_later(1 - now % 1 + EARLY, self._tick)
        self.now = int(time.monotonic())
        self.date = f"date: {http_date(now)}\r\n\r\n".encode()
        self.replays.clear()
        self.memfd_cache.turn()
        for connection in list(self._connections):
            connection.check(self.now)

    def _resume(self) -> None:
        if not self.leaving:
            self._accepting = True
            self.loop.add_reader(self._bound.fileno(), self._accept)

    def _pause(self) -> None:
        if self._accepting:
            self._accepting = False
            self.loop.remove_reader(self._bound.fileno())

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if len(self._connections) >= self._most:
                self._pause()
                return
            try:
                accepted, address = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.error("no connection can be accepted for a second: %s", error)
                self._pause()
                self.loop.call_later(BREATHER, self._resume)
                return
            accepted.setblocking(False)
            peer = address[0] if self._named else "127.0.0.1"
            self._connections[HttpConnection(self, accepted, peer)] = None
