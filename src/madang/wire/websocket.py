"""WebSocket frames for a server (RFC 6455, section 5), without extensions."""

from __future__ import annotations

import base64
import enum
import hashlib
from dataclasses import dataclass

from madang.base.errors import LimitExceeded, ParseError

HANDSHAKE_VERSION = "13"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""

_FIN = 0x80
_RESERVED = 0x70
_MASKED = 0x80
_SHORT = 125
"""Maximum payload with its length in the second byte, and of a control frame (RFC 6455, sections
5.2 and 5.5)."""
_TWO_BYTES = 126
_EIGHT_BYTES = 127
_KEY = 4


class WebSocketError(ParseError):
    """The client violates RFC 6455."""


class Opcode(enum.IntEnum):
    """Frame types (RFC 6455, section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class CloseCode(enum.IntEnum):
    """Status codes of Close frames (RFC 6455, section 7.4.1)."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    ABNORMAL = 1006
    """Never sent: reserved for connections that broke."""
    POLICY_VIOLATION = 1008
    TOO_BIG = 1009


@dataclass(frozen=True, slots=True)
class WebSocketMessage:
    """A complete text or binary message, or one control frame, unmasked."""

    opcode: Opcode
    payload: bytes


def accept_token(key: str) -> str:
    """Return Sec-WebSocket-Accept for the client's Sec-WebSocket-Key (RFC 6455, section 4.2.2)."""
    digest = hashlib.sha1(key.strip().encode("latin-1") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def encode(opcode: Opcode, payload: bytes) -> bytes:
    """Return an unmasked final frame, as servers send them (RFC 6455, section 5.1)."""
    size = len(payload)
    if size <= _SHORT:
        head = bytes((_FIN | opcode, size))
    elif size < 1 << 16:
        head = bytes((_FIN | opcode, _TWO_BYTES)) + size.to_bytes(2)
    else:
        head = bytes((_FIN | opcode, _EIGHT_BYTES)) + size.to_bytes(8)
    return head + payload


def encode_masked(opcode: Opcode, payload: bytes, key: bytes, *, final: bool = True) -> bytes:
    """Return a frame as clients send them, masked with the four bytes of `key`."""
    size = len(payload)
    first = (_FIN if final else 0) | opcode
    if size <= _SHORT:
        head = bytes((first, _MASKED | size))
    elif size < 1 << 16:
        head = bytes((first, _MASKED | _TWO_BYTES)) + size.to_bytes(2)
    else:
        head = bytes((first, _MASKED | _EIGHT_BYTES)) + size.to_bytes(8)
    return head + key + unmasked(payload, key)


def encode_close(code: int, reason: str) -> bytes:
    """Return a Close frame (RFC 6455, section 5.5.1); `reason` is truncated to fit."""
    words = reason.encode()[: _SHORT - 2].decode(errors="ignore").encode()
    return encode(Opcode.CLOSE, code.to_bytes(2) + words)


def unmasked(payload: bytes, key: bytes) -> bytes:
    """Return `payload` with the mask removed, or applied (RFC 6455, section 5.3)."""
    size = len(payload)
    repeated = (key * (size // _KEY + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(repeated)).to_bytes(size)


class FrameReader:
    """Parses and reassembles a client's messages.

    `max_size` is the maximum of a message in bytes, `max_fragments` that of its frames.
    """

    __slots__ = ("_buffer", "_fragments", "_max_fragments", "_max_size", "_opcode", "_payload")

    def __init__(self, max_size: int, max_fragments: int) -> None:
        self._max_size = max_size
        self._max_fragments = max_fragments
        self._buffer = b""
        self._opcode: Opcode | None = None
        self._payload = b""
        self._fragments = 0

    def feed(self, data: bytes) -> None:
        """Append received bytes; `next_message` returns what they complete."""
        self._buffer = self._buffer + data if self._buffer else data

    def next_message(self) -> WebSocketMessage | None:
        """Return the next complete message. Raises WebSocketError, LimitExceeded."""
        while (frame := self._next_frame()) is not None:
            final, opcode, payload = frame
            if opcode >= Opcode.CLOSE:
                if not final or len(payload) > _SHORT:
                    raise WebSocketError("A control frame is fragmented or longer than 125 bytes.")
                return WebSocketMessage(opcode, payload)
            if (message := self._reassemble(final, opcode, payload)) is not None:
                return message
        return None

    def _reassemble(self, final: bool, opcode: Opcode, payload: bytes) -> WebSocketMessage | None:
        if opcode is Opcode.CONTINUATION:
            if self._opcode is None:
                raise WebSocketError("A continuation frame continues nothing.")
        elif self._opcode is not None:
            raise WebSocketError("A new message begins inside another.")
        elif final:
            return WebSocketMessage(opcode, payload)
        else:
            self._opcode = opcode
        self._fragments += 1
        if self._fragments > self._max_fragments:
            raise LimitExceeded("fragments", "A message comes in too many frames.")
        self._payload += payload
        if not final:
            return None
        message = WebSocketMessage(self._opcode or opcode, self._payload)
        self._opcode, self._payload, self._fragments = None, b"", 0
        return message

    def _next_frame(self) -> tuple[bool, Opcode, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        if first & _RESERVED:
            raise WebSocketError("A reserved bit is set, but no extension was agreed on.")
        try:
            opcode = Opcode(first & 0x0F)
        except ValueError:
            raise WebSocketError(f"There is no WebSocket opcode {first & 0x0F}.") from None
        if not second & _MASKED:
            raise WebSocketError("A client's frames must be masked.")
        at, size = 2, second & 0x7F
        if size >= _TWO_BYTES:
            at = 4 if size == _TWO_BYTES else 10
            if len(buffer) < at:
                return None
            size = int.from_bytes(buffer[2:at])
        if size + len(self._payload) > self._max_size:
            raise LimitExceeded(
                "frame", f"A message is longer than {self._max_size} bytes.", mend="Send less."
            )
        end = at + _KEY + size
        if len(buffer) < end:
            return None
        payload = unmasked(buffer[at + _KEY : end], buffer[at : at + _KEY])
        self._buffer = buffer[end:]
        return bool(first & _FIN), opcode, payload
