"""Packets of Engine.IO 4 and Socket.IO 5 as text, read and written in one place.

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
MAX_ACK = 1 << 53
"""Clients count acknowledgements up from zero in a JavaScript number."""

_MAX_ACK_DIGITS = 16
_encode_json = msgspec.json.Encoder().encode
_decode_json = msgspec.json.Decoder().decode


class Engine(enum.StrEnum):
    """The first character of an Engine.IO packet."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"


class PacketType(enum.IntEnum):
    """The first digit of a Socket.IO packet."""

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

    `data` is what its JSON says: an object or None of CONNECT, an object of CONNECT_ERROR, a list
    of EVENT (its name first) and ACK, None of DISCONNECT.
    """

    kind: PacketType
    data: Any = None
    namespace: str = ROOT
    ack: int | None = None

    def serialise(self) -> bytes:
        """The packet as an Engine.IO message."""
        head = f"{Engine.MESSAGE}{self.kind:d}"
        if self.namespace != ROOT:
            head += f"{self.namespace},"
        if self.ack is not None:
            head += str(self.ack)
        return head.encode() + (b"" if self.data is None else _encode_json(self.data))


def parse_packet(text: str) -> Packet:
    """Read what follows the 4 of an Engine.IO message. Raises ChatError.

    The kinds with binary attachments are read as far as their kind.
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
    """The Engine.IO packet that a server begins with; times in seconds, `largest` in bytes."""
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
    """A WebSocket frame with an event of the root namespace, the same for every reader."""
    return encode(Opcode.TEXT, b"42" + _encode_json([name, *arguments]))


def list_frame(name: str, encoded: list[bytes]) -> bytes:
    """The same, its one argument a list of what is JSON already: the hot path's."""
    return encode(Opcode.TEXT, b'42["%b",[%b]]' % (name.encode(), b",".join(encoded)))


def json_of(value: Mapping[str, object]) -> bytes:
    """`value` as JSON, to be given to `list_frame`."""
    return _encode_json(value)
