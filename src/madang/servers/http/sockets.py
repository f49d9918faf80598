"""The sockets behind Granian's connections: finding them, and hearing when their peers hang up.

Granian shows neither. Linux only.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
from collections.abc import Callable, Iterator
from typing import Any, Final

from madang.servers.http.exchange import Exchange, Headers

SCAN_PAUSE: Final = 0.1
"""Seconds between two searches for sockets: with 6,000 connections one takes some 10 ms."""

FIRST_LOOK: Final = 0.0005
LAST_LOOK: Final = 0.02
"""Seconds between two looks whether the head of a response is out, at first and after a while."""

_BYTES_ACKED: Final = 120
"""Where the 64-bit tcpi_bytes_acked stands in Linux's struct tcp_info; tcpi_state is its first
byte."""

_CLOSED: Final = 7
"""TCP_CLOSE of Linux's tcp_states.h."""

_Ends = tuple[str, int, int]
"""The peer's address and port, and our port, of a connection."""


def taken(connection: socket.socket) -> int:
    """Bytes that the kernel was given for `connection`: acknowledged, or in its queue.

    Raises ConnectionError where it is closed.
    """
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED + 8)
    if info[0] == _CLOSED:
        raise ConnectionError("the client has left")
    acknowledged: int = struct.unpack_from("=Q", info, _BYTES_ACKED)[0]
    queue = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return acknowledged + int(struct.unpack("=i", queue)[0])


async def begin_response(
    exchange: Exchange, connection: socket.socket, status: int, headers: Headers
) -> Any:
    """Let Granian send the head of a response of open length, and return once it is out.

    What is returned keeps the response open: drop it, and Granian writes the end of it. In
    between, the connection is its caller's to write to, in the response's framing. Raises
    ConnectionError where the client has left.
    """
    before = taken(connection)
    try:
        held = exchange.proto.response_stream(status, headers)
    except RuntimeError as error:  # Granian's, of a connection that is closed
        raise ConnectionError("the client has left") from error
    pause = FIRST_LOOK
    while taken(connection) == before:
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_LOOK)
    return held


class Sockets:
    """Finds the sockets of connections among this process's files.

    A look at one file takes microseconds and there may be thousands: whoever asks shares a scan.
    """

    def __init__(self) -> None:
        self._wanted: dict[_Ends, asyncio.Future[socket.socket]] = {}
        self._due: asyncio.TimerHandle | None = None
        self._scanned_at = 0.0

    async def find(self, exchange: Exchange) -> socket.socket:
        """Return a duplicate of the connection's socket, to be closed by the caller.

        Raises ConnectionError where the client has left.
        """
        loop = asyncio.get_running_loop()
        client = _split(exchange.scope.client)
        found: asyncio.Future[socket.socket] = loop.create_future()
        self._wanted[(*client, _split(exchange.scope.server)[1])] = found
        if self._due is None:
            at = max(loop.time(), self._scanned_at + SCAN_PAUSE)
            self._due = loop.call_at(at, self._scan, loop)
        return await found

    def _scan(self, loop: asyncio.AbstractEventLoop) -> None:
        self._due = None
        self._scanned_at = loop.time()
        wanted, self._wanted = self._wanted, {}
        for number in _open_files():
            ends = _ends(number)
            waiting = wanted.pop(ends, None) if ends is not None else None
            if waiting is not None and not waiting.done():
                waiting.set_result(socket.socket(fileno=os.dup(number)))
            if not wanted:
                return
        for waiting in wanted.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the client has left"))


class Hangups:
    """Tells when a peer closes its end, also of connections that nothing is sent to just now."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._heard: dict[int, Callable[[], None]] = {}
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._hear)

    def watch(self, descriptor: int, heard: Callable[[], None]) -> None:
        """Call `heard`, once, when the peer of `descriptor` hangs up."""
        self._heard[descriptor] = heard
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR)

    def forget(self, descriptor: int) -> None:
        """Stop watching; call it before `descriptor` is closed."""
        if self._heard.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching everything."""
        asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        self._heard.clear()
        self._epoll.close()

    def _hear(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            heard = self._heard.get(descriptor)
            self.forget(descriptor)
            if heard is not None:
                heard()


def _ends(number: int) -> _Ends | None:
    """Return the ends of the connected socket `number`, None where it is something else."""
    with contextlib.suppress(OSError):
        seen = socket.socket(fileno=number)
        try:
            if seen.family in {socket.AF_INET, socket.AF_INET6}:
                return (*seen.getpeername()[:2], seen.getsockname()[1])
        finally:
            seen.detach()
    return None


def _open_files() -> Iterator[int]:
    """The open files of this process, those first that were probably opened last.

    The kernel gives out the lowest number that is free.
    """
    lowest_free = os.dup(0)
    os.close(lowest_free)
    yield from range(lowest_free - 1, 2, -1)
    yield from sorted(n for name in os.listdir("/proc/self/fd") if (n := int(name)) > lowest_free)


def _split(client: str) -> tuple[str, int]:
    host, _, port = client.rpartition(":")
    return host.strip("[]"), int(port)
