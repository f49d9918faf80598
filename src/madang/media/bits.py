"""Bit reader for codec headers."""

from __future__ import annotations

from madang.base.errors import ParseError


class CodecConfigError(ParseError):
    """Invalid codec configuration or frame header."""


class UnplayableConfig(CodecConfigError):
    """Valid configuration that no browser plays, nor what comes in one stream with it.

    `what` names it in a few words.
    """

    def __init__(self, what: str, message: str, *, mend: str = "") -> None:
        super().__init__(message, mend=mend)
        self.what = what


class BitReader:
    """Reader of big-endian bit fields, first bit first.

    `what` names the data in the CodecConfigError raised by a read past the end.
    """

    __slots__ = ("_data", "_end", "_position", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._end = len(data) * 8
        self._position = 0
        self._what = what

    @property
    def left(self) -> int:
        """Number of unread bits."""
        return self._end - self._position

    def skip(self, count: int) -> None:
        """Skip `count` bits."""
        if count > self.left:
            raise CodecConfigError(f"The {self._what} is cut off.")
        self._position += count

    def read(self, count: int) -> int:
        """Read an unsigned number of `count` bits."""
        begin = self._position
        end = begin + count
        if end > self._end:
            raise CodecConfigError(f"The {self._what} is cut off.")
        self._position = end
        covering = self._data[begin >> 3 : (end + 7) >> 3]
        return int.from_bytes(covering, "big") >> (-end & 7) & ((1 << count) - 1)

    def flag(self) -> bool:
        """Read one bit."""
        return bool(self.read(1))

    def octets(self, count: int) -> bytes:
        """Read `count` bytes from a byte-aligned position."""
        begin = self._position >> 3
        self.skip(count * 8)
        return self._data[begin : begin + count]

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb code (ITU-T H.264, 9.1; `uvlc()` of AV1 is the same)."""
        # Count the leading zeros at once: most of a parameter set consists of these codes.
        first = self._position >> 3
        ahead = self._data[first : first + 5]
        bits = len(ahead) * 8 - (self._position & 7)
        zeros = bits - (int.from_bytes(ahead, "big") & ((1 << bits) - 1)).bit_length()
        if zeros >= 32:
            raise CodecConfigError(f"The {self._what} has a number of more than 32 bits.")
        return self.read(2 * zeros + 1) - 1

    def se(self) -> int:
        """Read a signed Exp-Golomb code (ITU-T H.264, 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


class BitWriter:
    """Writer of big-endian bit fields, first bit first."""

    __slots__ = ("_value", "size")

    def __init__(self) -> None:
        self._value = 0
        self.size = 0

    def write(self, value: int, count: int) -> None:
        """Write `value` in `count` bits."""
        self._value = self._value << count | value
        self.size += count

    def replace(self, position: int, value: int, count: int) -> None:
        """Set the `count` bits, now 0, at `position` to `value`."""
        self._value |= value << self.size - position - count

    def octets(self) -> bytes:
        """Return the bits, filled up with 0 to whole bytes."""
        size = (self.size + 7) // 8
        return (self._value << size * 8 - self.size).to_bytes(size, "big")
