"""Action Message Format 0: the values inside RTMP commands and FLV script tags.

Follows "Action Message Format -- AMF 0" (Adobe, 2007). AMF 3 is limited to what publishers send
behind the switch marker of section 3.1: scalars and strings.

Types in Python: float for Number, bool, str (String, Long String and XML), None, `UNDEFINED`, dict
for Object, `EcmaArray`, list for Strict Array, `Date`.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from madang.base.errors import LimitExceeded, ParseError

MAX_DEPTH = 16
"""Depth of nested objects. Encoders send three levels; each level takes a Python stack frame."""

MAX_VALUES = 4_096
"""Values in one message, nested ones included. A long onMetaData has about 60, one with a key-frame
index of an hour a few thousand; each takes about 100 bytes of memory."""


class Undefined(enum.Enum):
    """Type of AMF's undefined, which is distinct from null."""

    UNDEFINED = "undefined"


UNDEFINED = Undefined.UNDEFINED


class EcmaArray(dict[str, "Value"]):
    """Object with an announced count (section 2.10); equal to a dict of its items."""


@dataclass(frozen=True, slots=True)
class Date:
    """An instant in milliseconds since 1970 UTC; the zone field of the format is always 0."""

    milliseconds: float


Value = (
    float
    | bool
    | str
    | Undefined
    | Date
    | EcmaArray
    | Mapping[str, "Value"]
    | Sequence["Value"]
    | None
)


class Amf0Error(ParseError):
    """Malformed AMF 0."""


class _Marker(enum.IntEnum):
    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    NULL = 0x05
    UNDEFINED = 0x06
    REFERENCE = 0x07
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C
    UNSUPPORTED = 0x0D
    XML = 0x0F
    TYPED_OBJECT = 0x10
    AMF3 = 0x11


class _Amf3Marker(enum.IntEnum):
    UNDEFINED = 0x00
    NULL = 0x01
    FALSE = 0x02
    TRUE = 0x03
    INTEGER = 0x04
    DOUBLE = 0x05
    STRING = 0x06


_U16 = struct.Struct(">H")
_U32 = struct.Struct(">I")
_F64 = struct.Struct(">d")
_DATE = struct.Struct(">dh")
_NAME_LIMIT = 0xFFFF
_OBJECT_END = b"\0\0\x09"


def encode(*values: Value) -> bytes:
    """Encode the values in order.

    Raises ValueError for a property name longer than 65,535 bytes.
    """
    out = bytearray()
    for value in values:
        _encode(value, out)
    return bytes(out)


def decode(data: bytes) -> list[Value]:
    """Decode all values of `data`.

    Invalid UTF-8 is decoded with replacement characters: cameras write metadata in their own code
    pages. Raises Amf0Error, and LimitExceeded past `MAX_DEPTH` or `MAX_VALUES`.
    """
    values, error = _decode(data)
    if error is not None:
        raise error
    return values


def decode_beginning(data: bytes) -> tuple[list[Value], bool]:
    """Decode `data` up to the first value that cannot be read; return True with the values if there
    is none. Raises LimitExceeded."""
    values, error = _decode(data)
    return values, error is None


def _decode(data: bytes) -> tuple[list[Value], Amf0Error | None]:
    reader = _ValueReader(data)
    values: list[Value] = []
    try:
        while reader.position < len(data):
            values.append(reader.value(depth=0))
    except Amf0Error as error:
        return values, error
    return values, None


def _encode(value: Value, out: bytearray) -> None:
    match value:
        case bool():
            out += bytes((_Marker.BOOLEAN, value))
        case int() | float():
            out.append(_Marker.NUMBER)
            out += _F64.pack(value)
        case str():
            text = value.encode()
            if len(text) <= _NAME_LIMIT:
                out.append(_Marker.STRING)
                out += _U16.pack(len(text))
            else:
                out.append(_Marker.LONG_STRING)
                out += _U32.pack(len(text))
            out += text
        case None:
            out.append(_Marker.NULL)
        case Undefined():
            out.append(_Marker.UNDEFINED)
        case Date(milliseconds):
            out.append(_Marker.DATE)
            out += _DATE.pack(milliseconds, 0)
        case EcmaArray():
            out.append(_Marker.ECMA_ARRAY)
            out += _U32.pack(len(value))
            _encode_properties(value, out)
        case Mapping():
            out.append(_Marker.OBJECT)
            _encode_properties(value, out)
        case _:
            out.append(_Marker.STRICT_ARRAY)
            out += _U32.pack(len(value))
            for item in value:
                _encode(item, out)


def _encode_properties(values: Mapping[str, Value], out: bytearray) -> None:
    for name, value in values.items():
        text = name.encode()
        if len(text) > _NAME_LIMIT:
            raise ValueError("a property name is longer than AMF 0 can express")
        out += _U16.pack(len(text)) + text
        _encode(value, out)
    out += _OBJECT_END


class _ValueReader:
    __slots__ = ("_data", "_values", "position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._values = 0
        self.position = 0

    def value(self, depth: int) -> Value:
        self._values += 1
        if self._values > MAX_VALUES:
            raise LimitExceeded("amf0_values", f"A message holds more than {MAX_VALUES} values.")
        if depth > MAX_DEPTH:
            raise LimitExceeded("amf0_depth", f"Objects nest more than {MAX_DEPTH} deep.")
        marker = self._take(1)[0]
        match marker:
            case _Marker.NUMBER:
                return self._number()
            case _Marker.BOOLEAN:
                return self._take(1) != b"\0"
            case _Marker.STRING:
                return self._text(self._u16())
            case _Marker.LONG_STRING | _Marker.XML:
                return self._text(self._u32())
            case _Marker.NULL:
                return None
            case _Marker.UNDEFINED | _Marker.UNSUPPORTED:
                return UNDEFINED
            case _Marker.REFERENCE:
                self._u16()  # to an object of this message; no command needs it
                return UNDEFINED
            case _Marker.OBJECT:
                return self._properties(depth, {})
            case _Marker.TYPED_OBJECT:
                self._text(self._u16())  # the class name is specific to Flash
                return self._properties(depth, {})
            case _Marker.ECMA_ARRAY:
                # The count is only a hint (section 2.10), and wrong in the metadata of many
                # cameras.
                self._u32()
                return self._properties(depth, EcmaArray(), may_end_early=True)
            case _Marker.STRICT_ARRAY:
                return [self.value(depth + 1) for _ in range(self._u32())]
            case _Marker.DATE:
                milliseconds: float = _DATE.unpack(self._take(_DATE.size))[0]
                return Date(milliseconds)
            case _Marker.AMF3:
                return self._amf3()
        raise Amf0Error(f"AMF 0 has no readable value of type {marker}.")

    def _properties(
        self, depth: int, into: dict[str, Value], *, may_end_early: bool = False
    ) -> dict[str, Value]:
        while not (may_end_early and self.position == len(self._data)):
            name = self._text(self._u16())
            if not name and self._data[self.position : self.position + 1] == b"\x09":
                self.position += 1
                break
            into[name] = self.value(depth + 1)
        return into

    def _amf3(self) -> Value:
        marker = self._take(1)[0]
        match marker:
            case _Amf3Marker.UNDEFINED:
                return UNDEFINED
            case _Amf3Marker.NULL:
                return None
            case _Amf3Marker.FALSE | _Amf3Marker.TRUE:
                return marker == _Amf3Marker.TRUE
            case _Amf3Marker.INTEGER:
                number = self._u29()
                return float(number - (1 << 29) if number & 1 << 28 else number)
            case _Amf3Marker.DOUBLE:
                return self._number()
            case _Amf3Marker.STRING:
                header = self._u29()
                if header & 1:
                    return self._text(header >> 1)
                raise Amf0Error("An AMF 3 string refers to one that was not sent.")
        raise Amf0Error(f"An AMF 3 value of type {marker} has no place in a publisher's command.")

    def _u29(self) -> int:
        """Read a U29: seven bits per byte, all bits of the fourth (AMF 3, section 1.3.1)."""
        number = 0
        for _ in range(3):
            byte = self._take(1)[0]
            number = number << 7 | byte & 0x7F
            if not byte & 0x80:
                return number
        return number << 8 | self._take(1)[0]

    def _number(self) -> float:
        number: float = _F64.unpack(self._take(8))[0]
        return number

    def _u16(self) -> int:
        return int.from_bytes(self._take(2), "big")

    def _u32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def _text(self, size: int) -> str:
        return self._take(size).decode(errors="replace")

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            raise Amf0Error("An AMF 0 value is cut off.")
        taken = self._data[self.position : end]
        self.position = end
        return taken
