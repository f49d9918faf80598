"""The data plane in this process, on an event loop in a thread of its own.

Tests stay plain functions that use sockets as clients do; what has to happen on the loop goes
through `Loop.run`.
"""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import imageio_ffmpeg
import uvloop

from madang.wire.rtmp import DEFAULT_LIMITS, RtmpLimits

if TYPE_CHECKING:
    import ssl

    from madang.servers.http.exchange import Exchange
    from madang.servers.http.listener import Listener
    from madang.servers.live.counters import LiveCounters
    from madang.servers.live.entitlement import Entitlement
    from madang.servers.live.hub import LiveHub, LiveLimits, SubscriberFactory
    from madang.servers.live.recorder import Recorders
    from madang.servers.live.show_log import ShowLog
    from madang.servers.rtmp import RtmpCounters, ServerLimits

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which something that should happen counts as not happening."""


class Loop:
    """An event loop that turns in a thread until `close`."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self._started: set[Future[Any]] = set()  # a loop refers to its tasks weakly
        self._thread = threading.Thread(target=self.loop.run_forever, name="air")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = PATIENCE) -> T:
        """The result of `work`, which runs on the loop."""
        return self.start(work).result(timeout)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Let `work` run on the loop, to its end whether or not anybody keeps the result."""
        started = asyncio.run_coroutine_threadsafe(work, self.loop)
        self._started.add(started)
        started.add_done_callback(self._started.discard)
        return started

    def call(self, function: Callable[[], T]) -> T:
        """Return the result of `function`, called on the loop."""

        async def act() -> T:
            return function()

        return self.run(act())

    def close(self) -> None:
        """Stop the loop, after what still runs on it was cancelled."""

        async def cancel_rest() -> None:
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)

        self.run(cancel_rest())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


@contextmanager
def listening(
    dispatch: Callable[[Exchange], object], host: str = "127.0.0.1", **options: Any
) -> Iterator[Port]:
    """The HTTP port in front of `dispatch`; `options` are those of Listener."""
    from madang.servers.http.listener import Listener

    loop = Loop()
    listener = Listener(host, 0, dispatch, **options)

    async def start() -> None:
        listener.start()

    try:
        loop.run(start())
        yield Port(loop, host, listener.port, listener)
        loop.run(listener.stop(5))
    finally:
        loop.close()


@dataclass
class Answer:
    """A response: `headers` by lower-case name, the last of equal names."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class Port:
    """An HTTP port, as clients use it."""

    loop: Loop
    host: str
    number: int
    listener: Listener

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | Iterator[bytes] | None = None,
        timeout: float = PATIENCE,
        **headers: str,
    ) -> Answer:
        """The answer to one request. Header names are given with underscores."""
        connection = http.client.HTTPConnection(self.host, self.number, timeout=timeout)
        try:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, given)
            response = connection.getresponse()
            content = response.read()
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, content)
        finally:
            connection.close()

    def connect(self, *, receive_buffer: int = 0) -> socket.socket:
        """A connection. With a small `receive_buffer` (bytes) little is taken unread."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        connection = socket.socket(family)
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect((self.host, self.number))
        return connection

    def say(self, *lines: str | bytes) -> bytes:
        """Return the answer on one connection to a request of these lines, until it is closed."""
        with self.connect() as connection:
            raw = [line.encode() if isinstance(line, str) else line for line in lines]
            connection.sendall(b"\r\n".join([*raw, b"Connection: close", b"", b""]))
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other end closes."""
    received = bytearray()
    while data := connection.recv(65_536):
        received += data
    return bytes(received)


def until(holds: Callable[[], T], timeout: float = PATIENCE) -> T:
    """The first result of `holds` that is true. Fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (result := holds()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
    return result


@dataclass
class Air(Port):
    """The RTMP server, the hub, and the HTTP port of its streams."""

    hub: LiveHub
    counters: LiveCounters
    rtmp_counters: RtmpCounters
    show_log: ShowLog
    rtmp_port: int
    rtmps_port: int
    close_rtmp: Callable[[str], Coroutine[Any, Any, None]]

    def status(self, slug: str) -> dict[str, Any]:
        """Return the public facts of a channel."""
        import msgspec

        found: dict[str, Any] = msgspec.json.decode(self.ask(f"/live/{slug}/status.json").body)
        return found

    def on_air(self, slug: str, state: str = "live") -> dict[str, Any]:
        """The status of a channel once it is in that state."""
        until(lambda: self.status(slug)["state"] == state)
        return self.status(slug)


@contextmanager
def on_the_air(
    *,
    limits: RtmpLimits = DEFAULT_LIMITS,
    part_target: float = 0.33,
    segment: float = 1.0,
    grace: float = 2.0,
    ladder: tuple[int, ...] = (),
    max_publishers: int = 10,
    program: str | None = None,
    tls: ssl.SSLContext | None = None,
    rtmp_host: str = "127.0.0.1",
    live_limits: LiveLimits | None = None,
    server_limits: ServerLimits | None = None,
    subscribers: Sequence[SubscriberFactory] = (),
    recorders: Recorders | None = None,
    entitlement: Entitlement | None = None,
) -> Iterator[Air]:
    """A hub with both its servers. The database must be in force (fixture `committed_db`)."""
    from madang.infra.database import DatabaseThreads
    from madang.live.show import LiveSettings
    from madang.servers.http.listener import Listener
    from madang.servers.live.counters import LiveCounters
    from madang.servers.live.handlers import LiveHandlers
    from madang.servers.live.hub import LiveHub, LiveHubSettings, LiveLimits
    from madang.servers.live.show_log import ShowLog
    from madang.servers.rtmp import RtmpCounters, RtmpServer, ServerLimits

    loop = Loop()
    counters = LiveCounters()
    rtmp_counters = RtmpCounters()
    control = DatabaseThreads()
    show_log = ShowLog()
    live = LiveSettings(part_target, segment, 30.0, grace)
    settings = LiveHubSettings(
        live,
        ladder,
        max_publishers,
        program or imageio_ffmpeg.get_ffmpeg_exe(),
        live_limits or LiveLimits(),
    )

    async def start() -> tuple[LiveHub, RtmpServer, int, int, Listener]:
        hub = LiveHub(
            settings, counters, control, show_log, recorders=recorders, subscribers=subscribers
        )
        rtmp_server = RtmpServer(hub, rtmp_counters, limits, server_limits or ServerLimits())
        port = await rtmp_server.listen(rtmp_host, 0)
        secure = await rtmp_server.listen("127.0.0.1", 0, tls) if tls is not None else 0
        listener = Listener("127.0.0.1", 0, dispatch(LiveHandlers(hub, (), entitlement)))
        listener.start()
        return hub, rtmp_server, port, secure, listener

    tasks: set[asyncio.Task[None]] = set()

    def dispatch(handlers: Callable[[Exchange], Any]) -> Callable[[Exchange], None]:
        def answer(exchange: Exchange) -> None:
            work = handlers(exchange)
            if work is not None:
                task = asyncio.get_running_loop().create_task(work)
                tasks.add(task)
                task.add_done_callback(tasks.discard)

        return answer

    try:
        hub, rtmp_server, port, secure, listener = loop.run(start())
        yield Air(
            loop,
            "127.0.0.1",
            listener.port,
            listener,
            hub,
            counters,
            rtmp_counters,
            show_log,
            port,
            secure,
            rtmp_server.close,
        )
    finally:

        async def stop() -> None:
            await rtmp_server.close("The station is shutting down.")
            await hub.close()
            await listener.stop(5)
            await show_log.close(5)
            control.close()

        loop.run(stop())
        loop.close()
