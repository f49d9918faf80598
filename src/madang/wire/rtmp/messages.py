"""Messages other than media and chunk stream control, each parsed and serialised here.

RTMP 1.0, sections 5.4 (protocol control), 6.2 (user control), 7.1 (commands, aggregates).
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field

from madang.wire import amf0, flv
from madang.wire.rtmp.chunks import TIMESTAMP_MASK
from madang.wire.rtmp.errors import RtmpError

_U32 = struct.Struct(">I")
_BANDWIDTH = struct.Struct(">IB")


class TypeId(enum.IntEnum):
    """Message types, except those of `TagType` and those consumed by the chunk reader."""

    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_SIZE = 5
    PEER_BANDWIDTH = 6
    DATA_AMF3 = 15
    COMMAND_AMF3 = 17
    COMMAND = 20
    AGGREGATE = 22


class UserEvent(enum.IntEnum):
    """User control events of a publisher's connection (7.1.7)."""

    STREAM_BEGIN = 0
    PING_REQUEST = 6
    PING_RESPONSE = 7


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Receipt of `sequence` bytes, modulo 2**32 (5.4.3)."""

    sequence: int

    @classmethod
    def parse(cls, body: bytes) -> Acknowledgement:
        return cls(_u32(body))

    def serialise(self) -> bytes:
        return _U32.pack(self.sequence)


@dataclass(frozen=True, slots=True)
class WindowSize:
    """Request for an acknowledgement every `size` bytes (5.4.4)."""

    size: int

    @classmethod
    def parse(cls, body: bytes) -> WindowSize:
        return cls(_u32(body))

    def serialise(self) -> bytes:
        return _U32.pack(self.size)


@dataclass(frozen=True, slots=True)
class PeerBandwidth:
    """Limit of `size` unacknowledged bytes (5.4.5)."""

    size: int
    limit_type: int = 2

    @classmethod
    def parse(cls, body: bytes) -> PeerBandwidth:
        # Some encoders omit the type.
        return cls(_u32(body[:4]), body[4] if len(body) > 4 else 2)

    def serialise(self) -> bytes:
        return _BANDWIDTH.pack(self.size, self.limit_type)


@dataclass(frozen=True, slots=True)
class UserControl:
    """Event about a stream or the connection; `data` as the event defines it (6.2)."""

    event: int
    data: bytes

    @classmethod
    def parse(cls, body: bytes) -> UserControl:
        if len(body) < 2:
            raise RtmpError("A user control message is cut off.")
        return cls(int.from_bytes(body[:2], "big"), body[2:])

    def serialise(self) -> bytes:
        return self.event.to_bytes(2, "big") + self.data


@dataclass(frozen=True, slots=True)
class Command:
    """A call or its answer (7.1.1). `transaction` is 0 if no answer is requested, or where there is
    no number. `whole` is False if the values end where the rest cannot be read."""

    name: str
    transaction: float
    values: tuple[amf0.Value, ...] = (None,)
    whole: bool = field(default=True, compare=False)

    @classmethod
    def parse(cls, body: bytes) -> Command:
        decoded, whole = amf0.decode_beginning(body)
        match decoded:
            case [str(name), float(transaction), *values]:
                return cls(name, transaction, tuple(values), whole)
            case [str(name), _, *values]:
                return cls(name, 0.0, tuple(values), whole)
            case [str(name)]:
                return cls(name, 0.0, (), whole)
        raise RtmpError("A command does not begin with its name.")

    def serialise(self) -> bytes:
        return amf0.encode(self.name, self.transaction, *self.values)

    def text(self, index: int) -> str:
        """Return the value at `index` after the command object if it is text, else ""."""
        value = self.values[index] if index < len(self.values) else None
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Several media messages in one (7.1.6)."""

    tags: tuple[flv.Tag, ...]

    @classmethod
    def parse(cls, body: bytes) -> Aggregate:
        return cls(tuple(flv.parse_tags(body)))

    def serialise(self) -> bytes:
        return b"".join(map(flv.encode_tag, self.tags))

    def at(self, timestamp: int) -> list[flv.Tag]:
        """Return the tags with times relative to the message's own `timestamp`: the difference to
        the first tag's is added to all."""
        shift = timestamp - self.tags[0].timestamp if self.tags else 0
        return [
            flv.Tag(tag.type, tag.timestamp + shift & TIMESTAMP_MASK, tag.body) for tag in self.tags
        ]


Control = Acknowledgement | WindowSize | PeerBandwidth | UserControl | Command


def parse_control(type_id: int, body: bytes) -> Control | None:
    """Parse a message that is neither media nor data; None for ignored types.

    Raises RtmpError or Amf0Error for a malformed one.
    """
    match type_id:
        case TypeId.COMMAND:
            return Command.parse(body)
        case TypeId.COMMAND_AMF3:
            # The first byte is the format of what follows, in practice 0 (AMF 0) for commands.
            return Command.parse(body[1:])
        case TypeId.USER_CONTROL:
            return UserControl.parse(body)
        case TypeId.ACKNOWLEDGEMENT:
            return Acknowledgement.parse(body)
        case TypeId.WINDOW_SIZE:
            return WindowSize.parse(body)
        case TypeId.PEER_BANDWIDTH:
            return PeerBandwidth.parse(body)
    return None


def type_id_of(message: Control) -> TypeId:
    """Return the type ID of `message`."""
    match message:
        case Command():
            return TypeId.COMMAND
        case UserControl():
            return TypeId.USER_CONTROL
        case Acknowledgement():
            return TypeId.ACKNOWLEDGEMENT
        case WindowSize():
            return TypeId.WINDOW_SIZE
        case PeerBandwidth():
            return TypeId.PEER_BANDWIDTH


def _u32(body: bytes) -> int:
    if len(body) != 4:
        raise RtmpError("A protocol control message does not have four bytes.")
    return int.from_bytes(body, "big")
