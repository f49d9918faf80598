"""One HTTP request and the ways to answer it.

An exchange may be answered at once, later by whoever holds it (a blocking playlist reload costs no
task and no future while it waits), or by a coroutine. Exactly one answer ends it.
"""

from __future__ import annotations

import email.utils
import functools
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from madang.base.addresses import Network, client_address, is_loopback, unmapped, within

Headers = list[tuple[str, str]]

Networks = Sequence[Network]

NO_STORE: Final = ("cache-control", "no-store")
OPEN_TO_ALL: Final = ("access-control-allow-origin", "*")

ENCODINGS: Final = 128
"""Values of Accept-Encoding that are remembered: there are few browsers."""

FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""What proxies add. Whether a header is there counts, not its value: Granian does not hand out
values that are not ASCII, which a client could use to hide behind a proxy on this machine."""


class Exchange:
    """One request with its answer still owed.

    `path` is percent-decoded and starts with a slash; `method` is upper case.
    """

    __slots__ = ("_watcher", "answered", "method", "path", "proto", "scope")

    def __init__(self, watcher: Any) -> None:
        self._watcher = watcher
        self.scope = watcher.scope
        self.proto = watcher.proto
        self.method: str = self.scope.method
        self.path: str = self.scope.path
        self.answered = False

    @property
    def is_websocket(self) -> bool:
        """Whether the client asks for a WebSocket."""
        return bool(self.scope.proto == "ws")

    def header(self, name: str, default: str = "") -> str:
        """Return the value of the request header `name` (lower case)."""
        return self.scope.headers.get(name, default) or default

    def query(self) -> dict[str, str]:
        """Return the query string as a dictionary; the last of equal names wins."""
        return parse_query(self.scope.query_string)

    def accepts_gzip(self) -> bool:
        """Return whether the client takes gzip (RFC 9110, section 12.5.3; `q=0` refuses)."""
        return takes_gzip(self.header("accept-encoding"))

    def client_address(self, trusted_proxies: Networks = ()) -> str:
        """Return the client's IP address.

        X-Forwarded-For is believed only as far as it was written by `trusted_proxies`.
        """
        peer = peer_address(self.scope.client)
        if not trusted_proxies:
            return peer
        # Proxies may add a line of their own instead of extending the client's.
        written = ",".join(self.scope.headers.get_all("x-forwarded-for"))
        return client_address(peer, written, trusted_proxies)

    def scheme(self, trusted_proxies: Networks = ()) -> str:
        """Return "https" or "http", as the client sees it; a trusted proxy may say so."""
        said = self.header("x-forwarded-proto").strip()
        if said in {"http", "https"} and within(peer_address(self.scope.client), trusted_proxies):
            return said
        return str(self.scope.scheme)

    def is_local(self) -> bool:
        """Return whether a program on this machine asks, not somebody through a proxy on it."""
        return is_loopback(peer_address(self.scope.client)) and not any(
            name in self.scope.headers for name in FORWARDED
        )

    def answer(self, status: int, headers: Headers, body: bytes = b"") -> int:
        """Send a whole response, end the exchange, and return how many bytes of `body` were sent.

        HEAD gets the headers alone.
        """
        if self.method == "HEAD":
            self.proto.response_empty(status, [*headers, ("content-length", str(len(body)))])
        elif body:
            self.proto.response_bytes(status, headers, body)
        else:
            self.proto.response_empty(status, headers)
        self.finish()
        return 0 if self.method == "HEAD" else len(body)

    def refuse(self, status: int, words: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer with a one-line plain text that says what is wrong."""
        if self.is_websocket:
            self.proto.close(status)
            self.finish()
            return
        self.answer(
            status,
            [*plain_text(), *headers],
            f"{words}\n".encode(),
        )

    def finish(self) -> None:
        """End the exchange; call it after an answer that `answer` did not make."""
        self.answered = True
        self._watcher.done()

    def release(self) -> None:
        """Let go of Granian's part of the exchange, whose connection somebody else has now."""
        self.answered = True
        self._watcher = self.proto = self.scope = None

    def fail(self, error: BaseException) -> None:
        """End the exchange because handling it raised `error`; the server answers 500."""
        self.answered = True
        self._watcher.err(error)


def plain_text() -> Headers:
    """The headers of a line of words for whoever asked, which no cache may keep."""
    return [("content-type", "text/plain; charset=utf-8"), NO_STORE, OPEN_TO_ALL]


def parse_query(query_string: str) -> dict[str, str]:
    """Return a query string as a dictionary; the last of equal names wins."""
    return dict(parse_qsl(query_string, keep_blank_values=True)) if query_string else {}


@functools.lru_cache(ENCODINGS)
def takes_gzip(accepted: str) -> bool:
    """Return whether `accepted`, an Accept-Encoding, has gzip (RFC 9110, section 12.5.3)."""
    if "gzip" not in accepted:
        return False
    for part in accepted.split(","):
        coding, _, weight = part.strip().partition(";")
        if coding == "gzip":
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def peer_address(client: str) -> str:
    """Return the address of `client`, which is written `address:port` or `[address]:port`."""
    return unmapped(client.rpartition(":")[0].strip("[]"))


def http_date(timestamp: float) -> str:
    """Return `timestamp` (seconds since 1970) as an HTTP date (RFC 9110, section 5.6.7)."""
    return email.utils.formatdate(timestamp, usegmt=True)
