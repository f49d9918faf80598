"""The half of a connection that sends: what the kernel does not take at once follows later."""

from __future__ import annotations

import asyncio
import os
import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from madang.servers.http.exchange import Exchange, Replays, Responder
from madang.servers.http.memfd_cache import MemfdCache
from madang.servers.http.poller import Poller

if TYPE_CHECKING:
    from madang.servers.http.connection import HttpConnection

SMALL: Final = 8 << 10
"""Bytes of a body that is joined to its head to be sent: copying it costs less than naming two
buffers to the kernel."""


class Owner(Protocol):
    """What a connection asks of the port: `now` counts seconds, `date` ends each head."""

    loop: asyncio.AbstractEventLoop
    poller: Poller
    dispatch: Callable[[Exchange], object]
    server: tuple[str, int]
    memfd_cache: MemfdCache
    now: int
    date: bytes
    leaving: bool
    replays: Replays

    def gone(self, connection: HttpConnection) -> None:
        """The connection is no longer the port's."""


class Sending(Responder):
    """Sends to one socket, which does not block."""

    __slots__ = ("_fileno", "_owner", "_socket", "_unsent")

    def __init__(self, owner: Owner, accepted: socket.socket) -> None:
        self._owner = owner
        self._socket = accepted
        self._fileno = accepted.fileno()
        self._unsent: list[memoryview] = []

    @abstractmethod
    def close(self) -> None:
        """End the connection, which is broken."""

    @abstractmethod
    def _sent(self) -> None:
        """All that was to be sent is out."""

    def _send(self, start: bytes, body: bytes) -> None:
        if self._unsent:  # of the leave to go on, which is some bytes long
            self._unsent += [memoryview(start), memoryview(body)]
            return
        try:
            if len(body) < SMALL:
                sent = self._socket.send(start + body)
            else:
                sent = self._socket.sendmsg((start, body))
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        self._went(sent, start, body)

    def _send_file(self, file: int, start: bytes, body: bytes) -> None:
        """Send `start`, the date and `body`, which are in a file."""
        date = self._owner.date
        if self._unsent:
            self._send(start + date, body)
            return
        size = len(start) + len(date) + len(body)
        try:
            sent = os.sendfile(self._fileno, file, 0, size)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.close()
            return
        if sent == size:
            self._sent()
        else:
            self._went(sent, start + date, body)

    def _went(self, sent: int, start: bytes, body: bytes) -> None:
        """Let the rest follow, where not all went out at once."""
        if sent == len(start) + len(body):
            self._sent()
            return
        if sent < len(start):
            self._unsent = [memoryview(start)[sent:], memoryview(body)]
        else:
            self._unsent = [memoryview(body)[sent - len(start) :]]
        self._owner.loop.add_writer(self._fileno, self._writable)

    def _writable(self) -> None:
        unsent = self._unsent
        try:
            sent = self._socket.sendmsg(unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.close()
            return
        while unsent and sent >= len(unsent[0]):
            sent -= len(unsent.pop(0))
        if unsent:
            unsent[0] = unsent[0][sent:]
            return
        self._owner.loop.remove_writer(self._fileno)
        self._sent()
