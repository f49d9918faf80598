"""HTTP/1.1 requests as a server reads them, and the heads of its responses (RFC 9112).

llhttp, which Node.js uses, parses. What a client sends again and again, the lines below the request
line, is recognised by its bytes and not parsed a second time: a viewer of low-latency HLS asks six
times a second, always with the same ones.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote

import httptools

MAX_HEAD: Final = 32 << 10
"""Bytes from the request line to the empty line, and of what stands around a body: the sizes of
chunks with what is said about them, and the trailer."""

MAX_FIELDS: Final = 100

SHORT: Final = 512
LINES: Final = 4096
"""Bytes of a request line that is remembered, and how many are: all viewers of a channel ask for
the same next part."""

ENCODINGS: Final = 128
"""Values of Accept-Encoding that are remembered: there are few browsers."""

Headers = Sequence[tuple[str, str]]

_CONDITIONS: Final = frozenset({"if-modified-since", "if-none-match", "if-range", "range"})
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_END: Final = b"\r\n\r\n"
_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-\"$-~]*) HTTP/1\.1")


class Fields:
    """The header fields of a request: names in lower case, values as Latin-1.

    `conditional`: the client wants only a part of the answer, or none if it has it already.
    `gzip`: it takes gzip. `client` is a place for who sends these fields, once that is known, and
    `grants` one for what they may read: names and until when.
    """

    __slots__ = ("_first", "_pairs", "client", "conditional", "grants", "gzip")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._first = dict(reversed(pairs))
        self.conditional = not _CONDITIONS.isdisjoint(self._first)
        self.gzip = takes_gzip(self.get("accept-encoding"))
        self.client = ""
        self.grants: dict[str, float] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._first

    def __len__(self) -> int:
        return len(self._pairs)

    def get(self, name: str, default: str = "") -> str:
        """Return the value of the first field with this name."""
        return self._first.get(name, default)

    def get_all(self, name: str) -> list[str]:
        """Return the values of all fields with this name, in order."""
        return [value for given, value in self._pairs if given == name]

    def items(self) -> Iterator[tuple[str, str]]:
        """Return all fields, in order."""
        return iter(self._pairs)


@dataclass(slots=True)
class Request:
    """The head of a request. `path` is percent-decoded, `query` is not.

    `keep_alive`: the client wants to ask again on this connection. `has_body`: `Body` and then
    `BodyEnd` follow. `is_websocket`: it asks for a WebSocket (RFC 6455, section 4.1). `line` is the
    request line, without its break, of a plain request (`RequestReader.plain`), else empty.
    """

    method: str
    path: str
    query: str
    fields: Fields
    version: str
    keep_alive: bool
    has_body: bool = False
    is_websocket: bool = False
    line: bytes = b""


@dataclass(frozen=True, slots=True)
class Body:
    """Some of the body of the last request."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """The body of the last request is complete."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The client breaks RFC 9112, or a limit: `status` is the answer, and the last one, as nobody
    knows where the next request would begin."""

    status: HTTPStatus
    words: str


Event = Request | Body | BodyEnd | Broken


class RequestReader:
    """Makes requests out of what one connection sends."""

    __slots__ = (
        "_events",
        "_fields",
        "_head",
        "_known",
        "_parser",
        "_refusal",
        "_request",
        "_target",
        "between",
        "known_fields",
    )

    def __init__(self) -> None:
        self._known = b""  # what a request before had below its line, with the break
        self.known_fields = Fields([])
        """Those of the last request that had nothing special."""
        self._events: list[Event] = []
        self._refusal: Broken | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self.on_message_begin()
        self.between = True
        """Whether nothing of a next request has come."""

    def plain(self, data: bytes) -> bytes:
        """Return what stands before the lines of `known_fields`, where `data` ends with them.

        It is the request line of a plain request, if it is one at all (`asked`): those fields have
        no condition in them, and nothing but the line says what is asked for. Such `data` need not
        be received. Empty where other fields came.
        """
        known = self._known
        return data[: -len(known)] if known and self.between and data.endswith(known) else b""

    def asked(self, line: bytes) -> Request | None:
        """Return the request of a plain line, None where it has to be received."""
        asked = _asked(line) if 0 < len(line) <= SHORT else None
        return Request(*asked, self.known_fields, "1.1", True, line=line) if asked else None

    def receive(self, data: bytes) -> list[Event]:
        """Take what came, and return what it completes. `Broken` is the last that there is."""
        line = b""
        if self.between:
            request = self.asked(self.plain(data))
            if request is not None:
                return [request]
            line = data.partition(b"\r\n")[0]
            if not line.isascii():  # as simple clients write an address in Korean
                encoded = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line)
                data = encoded + data[len(line) :]
        self.between = False
        events: list[Event] = []
        self._events = events
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._switch(data[switch.args[0] :])
        except httptools.HttpParserError as error:
            words = f"The request is not HTTP/1.1: {error}."
            events.append(self._refusal or Broken(HTTPStatus.BAD_REQUEST, words))
        else:
            if line:  # not the rest of a head: its fields came in part before
                self._remember(data)
        if events or self.between:
            self._head = 0
        else:
            self._head += len(data)
            if self._head > MAX_HEAD:
                events.append(_too_long())
        return events

    def _switch(self, rest: bytes) -> None:
        """The last request may change the protocol. Whoever ignores that goes on with HTTP."""
        request = self._request
        assert request is not None  # its head has just been read
        refused = request.has_body or request.method == "CONNECT"
        if refused:  # llhttp takes its body for the other protocol: it must not pass for empty
            del self._events[self._events.index(request) :]
        if refused or rest:
            words = "Wait for the answer before you change the protocol."
            self._events.append(Broken(HTTPStatus.BAD_REQUEST, words))
        self._parser = httptools.HttpRequestParser(self)

    def _remember(self, data: bytes) -> None:
        """Know these lines again, where they are all of a request that has nothing special."""
        if not self.between or len(self._events) != 1:
            return
        event = self._events[0]
        if (
            isinstance(event, Request)
            and not event.has_body
            and event.keep_alive
            and event.version == "1.1"
            and not event.fields.conditional
            and data.find(_END) == len(data) - len(_END)
        ):
            self._known = data[data.index(b"\r\n") :]
            self.known_fields = event.fields

    # --- what llhttp calls ---

    def on_message_begin(self) -> None:
        """A request begins."""
        self.between = False
        self._target = b""
        self._fields: list[tuple[str, str]] = []
        self._request: Request | None = None
        self._head = 0

    def on_url(self, data: bytes) -> None:
        """Some of the request's target."""
        self._target += data

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; those of a trailer, behind the body, are of no use to anybody here."""
        if self._request is None:
            self._fields.append(
                (name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))
            )

    def on_headers_complete(self) -> None:
        """The head is complete."""
        fields = Fields(self._fields)
        method = self._parser.get_method().decode("latin-1")
        path, query = _split(_origin_form(self._target))
        length = fields.get("content-length", "0")
        self._request = Request(
            method,
            path,
            query,
            fields,
            self._parser.get_http_version(),
            self._parser.should_keep_alive(),
            "transfer-encoding" in fields or length.strip("0") != "",
            _wants_websocket(method, fields),
        )
        self._refusal = _refusal(self._request)
        if self._refusal is not None:
            raise ValueError(self._refusal.words)  # llhttp stops here
        self._events.append(self._request)

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        self._events.append(Body(data))

    def on_message_complete(self) -> None:
        """The request is complete."""
        if self._request is not None and self._request.has_body:
            self._events.append(BodyEnd())
        self.between = True


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


def head(status: int, headers: Headers) -> bytes:
    """Return the head of a response, with its empty line (RFC 9112, section 4).

    Raises ValueError where a field has a line break in it, or what is not Latin-1.
    """
    lines = [f"HTTP/1.1 {status} {_reason(status)}"]
    for name, value in headers:
        if "\r" in value or "\n" in value:
            raise ValueError(f"the field {name} has a line break")
        lines.append(f"{name}: {value}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _refusal(request: Request) -> Broken | None:
    """Return what is wrong with a head that llhttp lets pass."""
    fields = request.fields
    hosts, codings = fields.get_all("host"), fields.get_all("transfer-encoding")
    if len(fields) > MAX_FIELDS:
        return _too_long()
    if request.version not in {"1.0", "1.1"}:
        words = "This server speaks HTTP/1.1."
        return Broken(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, words)
    if len(hosts) > 1 or (not hosts and request.version == "1.1"):
        return Broken(HTTPStatus.BAD_REQUEST, "Send the field Host once.")
    if codings and (request.version == "1.0" or [each.lower() for each in codings] != ["chunked"]):
        words = "The only transfer coding here is chunked, of HTTP/1.1."
        return Broken(HTTPStatus.NOT_IMPLEMENTED, words)
    return None


def _too_long() -> Broken:
    words = f"The head of a request is at most {MAX_HEAD} bytes in {MAX_FIELDS} fields."
    return Broken(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)


@functools.lru_cache(LINES)
def _asked(line: bytes) -> tuple[str, str, str] | None:
    """Return the method, path and query of a request line, None where it is not a plain one."""
    match = _LINE.fullmatch(line)
    return (match[1].decode(), *_split(match[2])) if match is not None else None


def _wants_websocket(method: str, fields: Fields) -> bool:
    return (
        method == "GET"
        and fields.get("upgrade").lower() == "websocket"
        and "upgrade" in fields.get("connection").lower()
    )


def _origin_form(target: bytes) -> bytes:
    """Return the path and query of a target, which proxies are sent whole (RFC 9112, 3.2)."""
    if target.startswith(b"/"):
        return target
    scheme, colon, rest = target.partition(b"://")
    if not colon or not scheme.isalpha():
        return target
    slash, query = rest.find(b"/"), rest.find(b"?")
    if slash < 0 or 0 <= query < slash:
        return b"/" + (rest[query:] if query >= 0 else b"")
    return rest[slash:]


def _split(target: bytes) -> tuple[str, str]:
    """Return the decoded path and the query of a target."""
    path, _, query = target.partition(b"#")[0].partition(b"?")
    text = path.decode("latin-1")
    return unquote(text) if "%" in text else text, query.decode("latin-1")
