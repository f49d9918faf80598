"""Granian in this process and on this event loop, with requests dispatched without a task each.

Granian makes an asyncio task for every request. Live delivery is thousands of tiny requests a
second that are answered at once or parked until the next part exists, and a task for each costs
more than the answer, so `Listener` hands each request to a plain function instead; what has to
wait for I/O starts its own task. This uses two classes of Granian that are not documented, which
is why its version is pinned (docs/decisions/0002-one-http-port.md).
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from granian import _granian
from granian._futures import _CBSchedulerAIO
from granian.constants import HTTPModes
from granian.http import HTTP1Settings

from madang.servers.http.exchange import Exchange
from madang.servers.http.listening import BACKLOG, identity, listening_socket, prepare, withdraw

MAX_REQUESTS_UNDER_WAY: Final = 20_000
"""Granian stops accepting beyond it; above 10,000 blocking reloads in one process."""

FILE_THREADS: Final = 16
"""Granian reads static files on these."""

NO_TLS: Final[tuple[Any, ...]] = (False, None, None, None, "tls1.3", None, [], False)

_native: Any = _granian  # its type stubs describe an earlier signature

Dispatch = Callable[[Exchange], None]


class _Scheduler(_CBSchedulerAIO):
    """Brings each request from Granian's thread to the event loop, and there to `dispatch`."""

    __slots__ = ()

    def __init__(self, loop: asyncio.AbstractEventLoop, dispatch: Dispatch, *_: Any) -> None:
        arrived: deque[Any] = deque()
        called = False

        def run() -> None:
            nonlocal called
            called = False  # before looking: whoever arrives from now on calls again
            try:
                for _ in range(len(arrived)):
                    answer(Exchange(arrived.popleft()))
            finally:
                if arrived:
                    loop.call_soon(run)  # what else is due on the loop comes in between

        def answer(exchange: Exchange) -> None:
            try:
                dispatch(exchange)
            except Exception as error:  # noqa: BLE001  # the port stays open whatever fails
                exchange.fail(error)  # Granian logs it and answers 500

        # One call on the loop for all that arrive until it comes: a part brings a burst of them.
        # Returns None on purpose: Granian never releases what this function returns.
        def schedule(watcher: Any) -> None:
            nonlocal called
            arrived.append(watcher)
            if not called:
                called = True
                loop.call_soon_threadsafe(run)

        self._schedule_fn = schedule


class Listener:
    """The HTTP port. `start` takes traffic, `stop` ends it.

    `stop` lets running exchanges finish for `drain` seconds at most.
    """

    def __init__(
        self, host: str, port: int, dispatch: Dispatch, handed: socket.socket | None = None
    ) -> None:
        """Listen at `host` and `port`, or at the socket that was `handed` in. Raises OSError."""
        self._dispatch = dispatch
        if handed is not None:
            prepare(handed)
        self._bound = handed or listening_socket(host, port)
        self._identity = identity(self._bound.fileno())
        self.host = host
        self.port: int = self._bound.getsockname()[1]
        self._signal = _native.WorkerSignal()
        self._stopped: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Begin to accept connections on the running event loop."""
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_future()
        self._signal.add_cb(lambda: loop.call_soon_threadsafe(self._note_stopped))
        worker = _native.RSGIWorker(
            1,
            (None, _native.SocketHolder(self._bound.detach(), False, BACKLOG)),
            None,
            1,  # I/O threads outside the interpreter
            FILE_THREADS,
            1,
            30,  # seconds after which an idle thread of the interpreter ends
            MAX_REQUESTS_UNDER_WAY,
            HTTPModes.http1,  # HTTP/2 and TLS are nginx's, in front
            HTTP1Settings(),
            None,
            True,
            None,
            *NO_TLS,
            (None, None),
        )
        nothing: Callable[[Any], None] = lambda _: None  # noqa: E731
        scheduler = _Scheduler(loop, self._dispatch, None, nothing, nothing)
        worker.serve_async(scheduler, loop, self._signal)

    def withdraw(self) -> None:
        """Stop accepting, and go on answering who is connected; see `listening.withdraw`."""
        withdraw(self._identity)

    async def stop(self, drain: float) -> None:
        """Stop accepting, and wait until open exchanges have ended, at most `drain` seconds."""
        if self._stopped is None:
            self._bound.close()
            return
        self._signal.set()
        await asyncio.wait([self._stopped], timeout=drain)

    def _note_stopped(self) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
