"""One HTTP request and the ways to answer it.

An exchange may be answered at once, later by whoever holds it (a blocking playlist reload costs no
task and no future while it waits), or by a coroutine. Exactly one answer ends it.
"""

from __future__ import annotations

import email.utils
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from madang.base.addresses import Network, client_address, is_loopback, unmapped, within
from madang.wire.http1 import Fields, Request, head
from madang.wire.websocket import HANDSHAKE_VERSION, accept_token

if TYPE_CHECKING:
    from madang.servers.http.connection import HttpConnection

Headers = list[tuple[str, str]]

Networks = Sequence[Network]

Replays = dict[bytes, Callable[["Responder"], bool]]
"""By request line: what answers who sends it, or says that it cannot any more."""

NO_STORE: Final = ("cache-control", "no-store")
OPEN_TO_ALL: Final = ("access-control-allow-origin", "*")

FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""What proxies add. Whether a header is there counts, not its value."""

MAX_REPLAYS: Final = 4096
"""Request lines of which that is known: everybody who watches a channel sends the same ones."""

NOTHING: Final = 204
NOT_MODIFIED: Final = 304

log = logging.getLogger(__name__)


class Responder(ABC):
    """Whoever is owed an answer. `headers` are the fields of the request, `peer` is the address
    that it came from."""

    __slots__ = ()

    headers: Fields
    peer: str

    @abstractmethod
    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send a response whose head was made before, by `head_of`, and end the exchange.

        Returns how many bytes of `body` were sent; HEAD gets the head alone. `shared`: many will
        be sent this head and this very body, one bytes object.
        """

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> int:
        """The same with a head of `status` and `headers`."""
        if status in {NOTHING, NOT_MODIFIED}:
            return self.send(head_of(status, headers), b"")
        return self.send(head_of(status, headers, len(body)), body)

    def refuse(self, status: int, words: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer with a one-line plain text that says what is wrong."""
        self.answer(status, [*plain_text(), *headers], f"{words}\n".encode() if words else b"")

    def header(self, name: str, default: str = "") -> str:
        """Return the value of the request header `name` (lower case)."""
        return self.headers.get(name, default) or default

    def client_address(self, trusted_proxies: Networks = ()) -> str:
        """Return the client's IP address.

        X-Forwarded-For is believed only as far as it was written by `trusted_proxies`.
        """
        peer = unmapped(self.peer)
        if not trusted_proxies:
            return peer
        # Proxies may add a line of their own instead of extending the client's.
        written = ",".join(self.headers.get_all("x-forwarded-for"))
        return client_address(peer, written, trusted_proxies)


class Exchange(Responder):
    """One request with its answer still owed.

    `path` is percent-decoded and starts with a slash, `query_string` is as the client wrote it;
    `method` is upper case, `version` "1.0" or "1.1".
    """

    __slots__ = (
        "_connection",
        "answered",
        "headers",
        "method",
        "peer",
        "request",
    )

    def __init__(self, connection: HttpConnection, request: Request) -> None:
        self._connection = connection
        self.request = request
        self.method = request.method
        self.headers = request.fields
        self.peer = connection.peer
        self.answered = False

    @property
    def path(self) -> str:
        """The address that is asked for."""
        return self.request.path

    @property
    def query_string(self) -> str:
        """What follows the question mark."""
        return self.request.query

    @property
    def is_websocket(self) -> bool:
        """Whether a WebSocket is asked for."""
        return self.request.is_websocket

    @property
    def server(self) -> tuple[str, int]:
        """The address and port that the station listens at."""
        return self._connection.server

    def query(self) -> dict[str, str]:
        """Return the query string as a dictionary; the last of equal names wins."""
        return parse_query(self.query_string)

    def scheme(self, trusted_proxies: Networks = ()) -> str:
        """Return "https" or "http", as the client sees it; a trusted proxy may say so."""
        said = self.header("x-forwarded-proto").strip()
        if said in {"http", "https"} and within(unmapped(self.peer), trusted_proxies):
            return said
        return "http"

    def is_local(self) -> bool:
        """Return whether a program on this machine asks, not somebody through a proxy on it."""
        return is_loopback(unmapped(self.peer)) and not any(
            name in self.headers for name in FORWARDED
        )

    def body(self) -> AsyncIterator[bytes]:
        """Return the request's body in pieces, as they come.

        Raises ConnectionError where the client leaves in the middle of it.
        """
        return self._connection.body()

    def send(self, start: bytes, body: bytes, *, shared: bool = False) -> int:
        """Send a response, and end the exchange; see `Asker.send`."""
        self.answered = True
        if self.method == "HEAD":
            return self._connection.send(start, b"")
        return self._connection.send(start, body, shared=shared)

    def replay(self, answer: Callable[[Responder], bool]) -> None:
        """Let `answer` answer who asks for the same thing within this second, if it can.

        It saves finding out anew what a thousand viewers ask for at the same time. `answer` must
        do for others what was done for this exchange, whatever the fields of their requests say;
        those with a condition or a range do not come to it. It returns False, and does nothing,
        where things are not as they were.
        """
        if self.request.line and self.method == "GET":
            replays = self._connection.replays
            if len(replays) < MAX_REPLAYS:
                replays[self.request.line] = answer

    def fail(self, error: BaseException) -> None:
        """Answer 500, unless it is answered, because handling the request raised `error`."""
        log.error("%s %s failed", self.method, self.path, exc_info=error)
        if not self.answered:
            self.refuse(500, "The station has a fault. Try again in a moment.")

    @property
    def takes_chunks(self) -> bool:
        """Whether a `stream` is to be sent in chunks (RFC 9112, section 7.1)."""
        return self.request.version != "1.0"

    def stream(self, headers: Headers) -> socket.socket:
        """Begin a response that ends with its connection, and return the socket for it.

        The socket, which does not block, is the caller's from now on. Raises ConnectionError where
        the client has left.
        """
        self.answered = True
        framing = [("transfer-encoding", "chunked")] if self.takes_chunks else []
        return self._connection.give_away(
            head_of(200, (*headers, *framing, ("connection", "close")))
        )

    def accept(self, send_buffer: int | None = None) -> socket.socket:
        """Answer a WebSocket handshake (RFC 6455, section 4.2.2) and return the socket.

        The socket, which does not block, is the caller's from now on. The kernel holds at most
        `send_buffer` bytes for its reader, or what it thinks best. Raises ConnectionError where
        the client has left, or has not asked as it should, which has been answered.
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
        taken = self._connection.give_away(head_of(101, headers))
        if send_buffer is not None:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        return taken


def head_of(status: int, headers: Sequence[tuple[str, str]], length: int | None = None) -> bytes:
    """Return the head of a response up to where the fields of the connection follow.

    `length`: bytes of the body, None where the answer has none or ends with its connection.
    """
    more = [] if length is None else [("content-length", str(length))]
    return head(status, [*headers, *more]).removesuffix(b"\r\n")


def plain_text() -> Headers:
    """The headers of a line of words for whoever asked, which no cache may keep."""
    return [("content-type", "text/plain; charset=utf-8"), NO_STORE, OPEN_TO_ALL]


def parse_query(query_string: str) -> dict[str, str]:
    """Return a query string as a dictionary; the last of equal names wins."""
    return dict(parse_qsl(query_string, keep_blank_values=True)) if query_string else {}


def http_date(timestamp: float) -> str:
    """Return `timestamp` (seconds since 1970) as an HTTP date (RFC 9110, section 5.6.7)."""
    return email.utils.formatdate(timestamp, usegmt=True)
