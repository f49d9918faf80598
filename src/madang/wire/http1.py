"""Parser for HTTP/1.1 requests, and heads of responses (RFC 9112).

The parser is llhttp, that of Node.js. Header lines that are equal to those of the request before
are recognised by their bytes and not parsed again: a viewer of low-latency HLS sends the same ones
six times a second.
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
"""Bytes of a request head, and of the framing of a body: chunk sizes and extensions, trailers."""

MAX_FIELDS: Final = 100
"""Fields of a head, and of the trailers."""

FRAMING_SHARE: Final = 16
"""Bytes of framing for each byte of a body: chunks of one byte have five."""

MAX_CACHED_LINE: Final = 512
CACHED_LINES: Final = 4096
"""Bytes of a request line in the cache, and their number: all viewers of a channel ask for the same
next part."""

CACHED_ENCODINGS: Final = 128
"""Values of Accept-Encoding in the cache: there are few browsers."""

Headers = Sequence[tuple[str, str]]

_CONDITIONS: Final = frozenset({"if-modified-since", "if-none-match", "if-range", "range"})
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")
_END: Final = b"\r\n\r\n"
_FIELD_SIGNS: Final = len(b": \r\n")
_LINE: Final = re.compile(rb"(GET|HEAD) (/[!-\"$-~]*) HTTP/1\.1")


class Fields:
    """The header fields of a request: names in lower case, values as Latin-1.

    `conditional`: there is a condition or a range (RFC 9110, sections 13 and 14). `gzip`: the
    client accepts gzip. `client`: free for a handler to store an identity of the client; `grants`:
    free for one to store what the client may read, names and until when.
    """

    __slots__ = ("_first", "_pairs", "client", "conditional", "grants", "gzip")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._first = dict(reversed(pairs))
        self.conditional = not _CONDITIONS.isdisjoint(self._first)
        self.gzip = takes("gzip", self.get("accept-encoding"))
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

    `keep_alive`: the connection persists (RFC 9112, section 9.3). `has_body`: `Body` events and a
    `BodyEnd` follow. `is_websocket`: a WebSocket handshake (RFC 6455, section 4.1). `line`: the
    request line of a plain request (`RequestReader.repeated`), otherwise empty.
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
    """A piece of the body of the last request."""

    data: bytes


@dataclass(frozen=True, slots=True)
class BodyEnd:
    """The end of the body of the last request."""


@dataclass(frozen=True, slots=True)
class InvalidRequest:
    """The client violates RFC 9112 or a limit. `status` is that of the last response: where the
    next request would begin is unknown."""

    status: HTTPStatus
    words: str


Event = Request | Body | BodyEnd | InvalidRequest


class RequestReader:
    """Parses the requests of one connection."""

    __slots__ = (
        *("_count", "_ended", "_events", "_fields", "_framing", "_head", "_known", "_parser"),
        *("_refusal", "_request", "_size", "_target", "idle", "known_fields"),
    )

    _head: int  # bytes since the last event
    _size: int  # bytes of the head, then of the trailers
    _count: int  # fields of the same
    _framing: int  # bytes around the body, beyond what its size allows

    def __init__(self) -> None:
        self._known = b""  # bytes of the last plain request from the end of its line on
        self.known_fields = Fields([])
        """Fields of the last plain request."""
        self._events: list[Event] = []
        self._ended = False
        self._refusal: InvalidRequest | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self.on_message_begin()
        self.idle = True
        """Return whether no request has been received in part."""

    def repeated(self, data: bytes) -> bytes:
        """Return what precedes the header lines of `known_fields`, where `data` ends with them.

        A plain request has no body, condition or range, so that its line alone says what is wanted.
        The result may be such a line, see `request_of`; then `data` need not be received. Empty
        where the header lines differ.
        """
        known = self._known
        return data[: -len(known)] if known and self.idle and data.endswith(known) else b""

    def request_of(self, line: bytes) -> Request | None:
        """Return the request with `line` and `known_fields`, None where it has to be received."""
        parts = _parse_line(line) if 0 < len(line) <= MAX_CACHED_LINE else None
        return Request(*parts, self.known_fields, "1.1", True, line=line) if parts else None

    def receive(self, data: bytes) -> list[Event]:
        """Parse `data` and return the events. Nothing follows an InvalidRequest."""
        if self._ended:
            return []
        line = b""
        if self.idle:
            request = self.request_of(self.repeated(data))
            if request is not None:
                return [request]
            line = data.partition(b"\r\n")[0]
            if not line.isascii():  # simple clients send Korean paths unencoded
                encoded = _NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line)
                data = encoded + data[len(line) :]
        inside = not self.idle and self._request is not None
        self.idle = False
        events: list[Event] = []
        self._events = events
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as switch:
            self._switch(data[switch.args[0] :])
        except httptools.HttpParserError as error:
            words = f"The request is not HTTP/1.1: {error}."
            events.append(self._refusal or InvalidRequest(HTTPStatus.BAD_REQUEST, words))
        else:
            if line:  # otherwise some of the head came before
                self._remember(data)
        if self._unread(data, events) or (inside and self._framed(data, events)):
            events.append(_too_long())
        self._ended = bool(events) and isinstance(events[-1], InvalidRequest)
        return events

    def _unread(self, data: bytes, events: list[Event]) -> bool:
        """Return whether too much has come since the last event."""
        self._head = 0 if events or self.idle else self._head + len(data)
        return self._head > MAX_HEAD

    def _framed(self, data: bytes, events: list[Event]) -> bool:
        """Return whether the framing of a body, extensions of its chunks too, is out of proportion
        to it. `data` was received within one."""
        if self.idle or (events and isinstance(events[-1], InvalidRequest)):
            return False
        body = sum(len(event.data) for event in events if isinstance(event, Body))
        self._framing = max(0, self._framing + len(data) - body * (1 + FRAMING_SHARE))
        return self._framing > MAX_HEAD

    def _switch(self, rest: bytes) -> None:
        """Go on after a request that may change the protocol, in case its handler does not."""
        request = self._request
        assert request is not None  # its head has just been read
        refused = request.has_body or request.method == "CONNECT"
        if refused:  # llhttp does not parse its body, which must not pass for empty
            del self._events[self._events.index(request) :]
        if refused or rest:
            words = "Wait for the answer before you change the protocol."
            self._events.append(InvalidRequest(HTTPStatus.BAD_REQUEST, words))
        self._parser = httptools.HttpRequestParser(self)

    def _remember(self, data: bytes) -> None:
        """Note the header lines, if `data` is exactly one plain request."""
        if not self.idle or len(self._events) != 1:
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

    # --- callbacks of llhttp ---

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.idle = False
        self._target = b""
        self._fields: list[tuple[str, str]] = []
        self._request: Request | None = None
        self._head = self._size = self._count = self._framing = 0

    def on_url(self, data: bytes) -> None:
        """Take some of the request target."""
        self._target += data
        self._grow(len(data), 0)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; those of trailers are counted and ignored."""
        self._grow(len(name) + len(value) + _FIELD_SIGNS, 1)
        if self._request is None:
            self._fields.append(
                (name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))
            )

    def on_headers_complete(self) -> None:
        """Emit the request, or stop the parser."""
        self._size = self._count = 0
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

    def _grow(self, size: int, fields: int) -> None:
        """Count bytes and fields of a head or of trailers, or stop the parser."""
        self._size += size
        self._count += fields
        if self._size > MAX_HEAD or self._count > MAX_FIELDS:
            self._refusal = _too_long()
            raise ValueError(self._refusal.words)  # llhttp stops here

    def on_body(self, data: bytes) -> None:
        """Emit some of the body."""
        self._events.append(Body(data))

    def on_message_complete(self) -> None:
        """Emit the end of the body."""
        if self._request is not None and self._request.has_body:
            self._events.append(BodyEnd())
        self.idle = True


@functools.lru_cache(CACHED_ENCODINGS)
def takes(coding: str, accepted: str) -> bool:
    """Return whether the Accept-Encoding `accepted` allows a content coding by its name (RFC 9110,
    section 12.5.3)."""
    if coding not in accepted:
        return False
    for part in accepted.split(","):
        name, _, weight = part.strip().partition(";")
        if name == coding:
            return weight.strip().replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def is_known(etag: str, if_none_match: str) -> bool:
    """Return whether a client has the answer with a quoted `etag`, by its field If-None-Match:
    weak comparison (RFC 9110, section 13.1.2)."""
    known = if_none_match.strip()
    return bool(etag) and (known == "*" or etag.removeprefix("W/") in known)


def head(status: int, headers: Headers) -> bytes:
    """Return the head of a response, with its empty line (RFC 9112, section 4).

    Raises ValueError for a field with a line break or with characters outside Latin-1.
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


def _refusal(request: Request) -> InvalidRequest | None:
    """Return the error of a head that llhttp accepts, None where there is none."""
    fields = request.fields
    hosts, codings = fields.get_all("host"), fields.get_all("transfer-encoding")
    if request.version not in {"1.0", "1.1"}:
        words = "This server speaks HTTP/1.1."
        return InvalidRequest(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, words)
    if len(hosts) > 1 or (not hosts and request.version == "1.1"):
        return InvalidRequest(HTTPStatus.BAD_REQUEST, "Send the field Host once.")
    if codings and (request.version == "1.0" or [each.lower() for each in codings] != ["chunked"]):
        words = "The only transfer coding here is chunked, of HTTP/1.1."
        return InvalidRequest(HTTPStatus.NOT_IMPLEMENTED, words)
    return None


def _too_long() -> InvalidRequest:
    words = f"The head of a request is at most {MAX_HEAD} bytes in {MAX_FIELDS} fields."
    return InvalidRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, words)


@functools.lru_cache(CACHED_LINES)
def _parse_line(line: bytes) -> tuple[str, str, str] | None:
    """Return the method, path and query of a line of GET or HEAD, None for any other."""
    match = _LINE.fullmatch(line)
    return (match[1].decode(), *_split(match[2])) if match is not None else None


def _wants_websocket(method: str, fields: Fields) -> bool:
    return (
        method == "GET"
        and fields.get("upgrade").lower() == "websocket"
        and "upgrade" in fields.get("connection").lower()
    )


def _origin_form(target: bytes) -> bytes:
    """Return the path and query of a target in absolute form (RFC 9112, section 3.2.2)."""
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
