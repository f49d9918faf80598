"""Reading codec headers bit by bit."""

from __future__ import annotations

from madang.base.errors import ParseError


class CodecConfigError(ParseError):
    """A codec configuration or frame header that its codec's specification does not allow."""


class BitReader:
    """Reads big-endian bit fields from `data`, first bit first.

    `what` names the data in the CodecConfigError that every read past the end raises.
    """

    __slots__ = ("_data", "_end", "_position", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._end = len(data) * 8
        self._position = 0
        self._what = what

    @property
    def left(self) -> int:
        """How many bits have not been read."""
        return self._end - self._position

    def skip(self, count: int) -> None:
        """Pass over `count` bits."""
        if count > self.left:
            raise CodecConfigError(f"The {self._what} is cut off.")
        self._position += count

    def read(self, count: int) -> int:
        """An unsigned number of `count` bits."""
        begin = self._position
        end = begin + count
        if end > self._end:
            raise CodecConfigError(f"The {self._what} is cut off.")
        self._position = end
        covering = self._data[begin >> 3 : (end + 7) >> 3]
        return int.from_bytes(covering, "big") >> (-end & 7) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit."""
        return bool(self.read(1))

    def octets(self, count: int) -> bytes:
        """`count` whole bytes from a position that is a whole byte too."""
        begin = self._position >> 3
        self.skip(count * 8)
        return self._data[begin : begin + count]

    def ue(self) -> int:
        """An unsigned Exp-Golomb code (ITU-T H.264, 9.1; `uvlc()` of AV1 is the same)."""
        # The zeros that begin a code say how long it is: looked at together, as this is what most
        # of a parameter set consists of.
        first = self._position >> 3
        ahead = self._data[first : first + 5]
        bits = len(ahead) * 8 - (self._position & 7)
        zeros = bits - (int.from_bytes(ahead, "big") & ((1 << bits) - 1)).bit_length()
        if zeros >= 32:
            raise CodecConfigError(f"The {self._what} has a number of more than 32 bits.")
        return self.read(2 * zeros + 1) - 1

    def se(self) -> int:
        """A signed Exp-Golomb code (ITU-T H.264, 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)
