"""Parsing and serialising of Engine.IO 4 and Socket.IO 5 packets.

https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from madang.wire.chat.errors import ChatError
from madang.wire.websocket import Opcode, encode

ROOT = "/"
_MAX_ACK_DIGITS = 16
"""Clients count acknowledgements up from zero in a JavaScript number, below 2**53."""

_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


class Engine(enum.StrEnum):
    """First character of an Engine.IO packet."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


class PacketType(enum.IntEnum):
    """First digit of a Socket.IO packet."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


@dataclass(frozen=True, slots=True)
class Packet:
    """One Socket.IO packet without attachments.

    `data` is its JSON: an object or None for CONNECT, an object for CONNECT_ERROR, a list for EVENT
    (name first) and ACK, None for DISCONNECT.
    """

    kind: PacketType
    data: Any = None
    namespace: str = ROOT
    ack: int | None = None

    def serialise(self) -> bytes:
        """Return the packet as an Engine.IO message."""
        head = f"{Engine.MESSAGE}{self.kind:d}"
        if self.namespace != ROOT:
            head += f"{self.namespace},"
        if self.ack is not None:
            head += str(self.ack)
        return head.encode() + (b"" if self.data is None else _encode_json(self.data))


def parse_packet(text: str) -> Packet:
    """Parse the text after the 4 of an Engine.IO message. Raises ChatError.

    Of kinds with binary attachments, only the kind is read.
    """
    if not text or text[0] not in "0123456":
        raise ChatError("A Socket.IO packet begins with its kind, 0 to 6.")
    kind = PacketType(int(text[0]))
    if kind in {PacketType.BINARY_EVENT, PacketType.BINARY_ACK}:
        return Packet(kind)
    at = 1
    namespace = ROOT
    if text.startswith("/", at):
        end = text.find(",", at)
        end = len(text) if end < 0 else end
        namespace = text[at:end]
        at = end + 1
    digits = at
    while digits < len(text) and text[digits] in "0123456789":
        digits += 1
    if digits - at > _MAX_ACK_DIGITS:
        raise ChatError("The number of an acknowledgement is too large.")
    ack = int(text[at:digits]) if digits > at else None
    data = _json(text[digits:])
    _check(kind, data, ack)
    return Packet(kind, data, namespace, ack)


def _check(kind: PacketType, data: object, ack: int | None) -> None:
    match kind, data:
        case PacketType.EVENT, [str(), *_]:
            return
        case PacketType.ACK, list() if ack is not None:
            return
        case PacketType.CONNECT, None | dict() if ack is None:
            return
        case PacketType.CONNECT_ERROR, dict() if ack is None:
            return
        case PacketType.DISCONNECT, None if ack is None:
            return
    raise ChatError(f"The content of a Socket.IO packet {kind.name} has the wrong shape.")


def _json(text: str) -> Any:
    if not text:
        return None
    try:
        return _decode_json(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise ChatError(f"The JSON of a Socket.IO packet cannot be read: {error}.") from None


def opening(sid: str, ping_interval: float, ping_timeout: float, largest: int) -> bytes:
    """Return the server's first Engine.IO packet; times in seconds, `largest` in bytes."""
    return b"0" + _encode_json(
        {
            "sid": sid,
            "upgrades": [],
            "pingInterval": round(ping_interval * 1000),
            "pingTimeout": round(ping_timeout * 1000),
            "maxPayload": largest,
        }
    )


def event_frame(name: str, *arguments: object) -> bytes:
    """Return a WebSocket frame with an event of the root namespace, identical for all readers."""
    return encode(Opcode.TEXT, b"42" + _encode_json([name, *arguments]))


def list_frame(name: str, encoded: list[bytes]) -> bytes:
    """Return an event frame with one argument, a list of serialised JSON values (hot path)."""
    return encode(Opcode.TEXT, b'42["%b",[%b]]' % (name.encode(), b",".join(encoded)))


def json_of(value: Mapping[str, object]) -> bytes:
    """Return `value` as JSON for `list_frame`."""
    return _encode_json(value)
