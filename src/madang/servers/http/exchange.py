"""One HTTP request and the ways to answer it.

An exchange is answered exactly once: by its handler, by a coroutine, or later by any code that kept
it (a blocking playlist reload holds no task and no future while it waits).
"""

from __future__ import annotations

import email.utils
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final, Protocol
from urllib.parse import parse_qsl

from madang.base.addresses import (
    Network,
    client_address,
    forwarded_proto,
    is_loopback,
    is_loopback_host,
    unmapped,
    within,
)
from madang.infra.file_region import FileRegion
from madang.wire.http1 import Fields, Request, head
from madang.wire.websocket import HANDSHAKE_VERSION, accept_token

Headers = list[tuple[str, str]]

Networks = Sequence[Network]

Replays = dict[bytes, Callable[["Responder"], bool]]
"""Handlers by request line; False: the handler cannot answer any more, and has not."""

NO_STORE: Final = ("cache-control", "no-store")
OPEN_TO_ALL: Final = ("access-control-allow-origin", "*")

FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""Headers that proxies add, whatever their values."""

MAX_REPLAYS: Final = 4096
"""Request lines in Replays: all viewers of a channel send the same ones."""

MAX_WARNED: Final = 1000
_warned: Final[set[str]] = set()
"""Proxies that were logged for what they write."""

NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304

log = logging.getLogger(__name__)


class Responder(ABC):
    """Something that a response is due to. `headers` are the request's fields, `peer` is the
    address that it came from."""

    __slots__ = ()

    headers: Fields
    peer: str

    @abstractmethod
    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send a response with a head made by `head_of`.

        Returns the number of bytes sent of `body`; HEAD gets the head alone. `shared`: the same
        head and the same bytes object are sent to many.
        """

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> int:
        """Send a response with a head of `status` and `headers`."""
        if status in {NO_CONTENT, NOT_MODIFIED}:
            return self.send(head_of(status, headers), b"")
        return self.send(head_of(status, headers, len(body)), body)

    def refuse(self, status: int, words: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer with one line of plain text that says what is wrong."""
        self.answer(status, [*plain_text(), *headers], f"{words}\n".encode() if words else b"")

    def header(self, name: str, default: str = "") -> str:
        """Return the value of the request header `name` (lower case)."""
        return self.headers.get(name, default) or default

    def client_address(self, trusted_proxies: Networks = ()) -> str:
        """Return the client's IP address.

        X-Forwarded-For, or else Forwarded, is believed only as far as it was written by
        `trusted_proxies`.
        """
        peer = unmapped(self.peer)
        if not trusted_proxies:
            return peer
        # Proxies may add a line of their own instead of extending the client's.
        return client_address(
            peer,
            ",".join(self.headers.get_all("x-forwarded-for")),
            trusted_proxies,
            forwarded=self._forwarded(),
            unreadable=partial(warn_of_hop, peer),
        )

    def _forwarded(self) -> str:
        return ",".join(self.headers.get_all("forwarded"))


class Server(Protocol):
    """The server of a connection: its address and port, and the handlers of repeated requests."""

    server: tuple[str, int]
    replays: Replays


class Connection(Protocol):
    """The connection of an exchange; see the methods of Exchange with the same names."""

    peer: str

    @property
    def owner(self) -> Server: ...

    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int: ...

    def send_file(self, start: bytes, region: FileRegion, before: bytes = b"") -> None: ...

    def detach(self, start: bytes) -> socket.socket: ...

    def body(self) -> AsyncIterator[bytes]: ...


class Exchange(Responder):
    """One request whose response is due.

    `method` is upper case. `answered`: the response has been sent or begun.
    """

    __slots__ = (
        "_connection",
        "answered",
        "headers",
        "method",
        "peer",
        "request",
    )

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self.request = request
        self.method = request.method
        self.headers = request.fields
        self.peer = connection.peer
        self.answered = False

    @property
    def path(self) -> str:
        """The percent-decoded path, with its leading slash."""
        return self.request.path

    @property
    def query_string(self) -> str:
        """The query as the client wrote it, without the question mark."""
        return self.request.query

    @property
    def is_websocket(self) -> bool:
        """Return whether this is a WebSocket handshake."""
        return self.request.is_websocket

    @property
    def server(self) -> tuple[str, int]:
        """The address and port that the station listens at."""
        return self._connection.owner.server

    def query(self) -> dict[str, str]:
        """Return the query string as a dictionary; the last of equal names wins."""
        return parse_query(self.query_string)

    def scheme(self, trusted_proxies: Networks = ()) -> str:
        """Return "https" or "http", as the client sees it; a trusted proxy may say so."""
        said = self.header("x-forwarded-proto").strip() or forwarded_proto(self._forwarded())
        if said in {"http", "https"} and within(unmapped(self.peer), trusted_proxies):
            return said
        return "http"

    def is_local(self) -> bool:
        """Return whether a program on this machine asks, not somebody through a proxy on it, nor a
        page of another site in a browser on it."""
        return (
            is_loopback(unmapped(self.peer))
            and is_loopback_host(self.header("host"))
            and not any(name in self.headers for name in FORWARDED)
        )

    def body(self) -> AsyncIterator[bytes]:
        """Return the request's body in pieces, as they arrive.

        The client is slowed down while nobody reads. Raises ConnectionError where it leaves, stops
        sending, or breaks the protocol before the end.
        """
        return self._connection.body()

    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send a response; see `Responder.send`."""
        self.answered = True
        if self.method == "HEAD":
            return self._connection.send(start, b"")
        return self._connection.send(start, body, shared=shared)

    def send_file(self, start: bytes, region: FileRegion, before: bytes = b"") -> int:
        """Send a response whose body is `before` and `region`, at least one byte; return the bytes
        to be sent.

        Takes the region over and closes it. Memory is constant, and no thread waits for a slow
        client. `immutable.answer_file` adds ranges and conditions.
        """
        self.answered = True
        if self.method == "HEAD":
            region.close()
            return self._connection.send(start, b"")
        size = len(before) + region.size
        self._connection.send_file(start, region, before)
        return size

    def replay(self, answer: Callable[[Responder], bool]) -> None:
        """Let `answer` handle equal request lines until the end of this second.

        A thousand viewers ask for the same thing at the same time. `answer` must do what was done
        for this exchange, whatever the other fields of a request are; requests with a condition or
        a range do not come to it. It returns False, and does nothing, where things have changed.
        """
        if self.request.line and self.method == "GET":
            replays = self._connection.owner.replays
            if len(replays) < MAX_REPLAYS:
                replays[self.request.line] = answer

    def fail(self, error: BaseException) -> None:
        """Log `error`, and answer 500 unless the exchange is answered."""
        log.error("%s %s failed", self.method, self.path, exc_info=error)
        if not self.answered:
            self.refuse(500, "The station has a fault. Try again in a moment.")

    @property
    def takes_chunks(self) -> bool:
        """Return whether `stream` uses the chunked coding (RFC 9112, section 7.1)."""
        return self.request.version != "1.0"

    def stream(self, headers: Headers) -> socket.socket:
        """Begin a response that ends with its connection, and return the non-blocking socket.

        The caller owns the socket. Raises ConnectionError where the client has left.
        """
        self.answered = True
        framing = [("transfer-encoding", "chunked")] if self.takes_chunks else []
        return self._connection.detach(head_of(200, (*headers, *framing, ("connection", "close"))))

    def accept(self, send_buffer: int | None = None) -> socket.socket:
        """Answer a WebSocket handshake (RFC 6455, section 4.2.2) and return the socket.

        The caller owns the socket, which does not block. `send_buffer` is its SO_SNDBUF in bytes,
        None for the kernel's choice. Raises ConnectionError where the client has left, and for a
        handshake that is not valid, which has been answered.
        """
        key = self.headers.get("sec-websocket-key")
        if not key or self.headers.get("sec-websocket-version") != HANDSHAKE_VERSION:
            words = f"Send Sec-WebSocket-Key and Sec-WebSocket-Version: {HANDSHAKE_VERSION}."
            self.refuse(426, words, [("sec-websocket-version", HANDSHAKE_VERSION)])
            raise ConnectionError(words)
        self.answered = True
        headers = (
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-accept", accept_token(key)),
        )
        taken = self._connection.detach(head_of(101, headers))
        if send_buffer is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        return taken


def head_of(status: int, headers: Sequence[tuple[str, str]], length: int | None = None) -> bytes:
    """Return the head of a response without the fields that the connection appends.

    `length`: bytes of the body; None where there is none or it ends with the connection.
    """
    more = [] if length is None else [("content-length", str(length))]
    return head(status, [*headers, *more]).removesuffix(b"\r\n")


def plain_text() -> Headers:
    """Return the headers of a line of plain text that no cache may keep."""
    return [("content-type", "text/plain; charset=utf-8"), NO_STORE, OPEN_TO_ALL]


def warn_of_hop(proxy: str, hop: str) -> None:
    """Log, once for each proxy, that the addresses of its clients cannot be read."""
    if proxy not in _warned and len(_warned) < MAX_WARNED:
        _warned.add(proxy)
        log.warning(
            "the proxy %s names its client %r, which is no address: such clients count as one",
            proxy,
            hop[:100],
        )


def parse_query(query_string: str) -> dict[str, str]:
    """Return a query string as a dictionary; the last of equal names wins."""
    return dict(parse_qsl(query_string, keep_blank_values=True)) if query_string else {}


def http_date(timestamp: float) -> str:
    """Return `timestamp` (seconds since 1970) as an HTTP date (RFC 9110, section 5.6.7)."""
    return email.utils.formatdate(timestamp, usegmt=True)
