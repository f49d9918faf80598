"""NAL units of H.264 and H.265, in samples and in byte streams (ISO/IEC 14496-15, 5.3.4.2; ITU-T
H.264, annex B)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from madang.media.bits import CodecConfigError

_START: Final = b"\0\0\1"
_START_CODES: Final = (_START, b"\0\0\0\1")


def split(data: bytes, length_size: int) -> list[bytes] | None:
    """Return the NAL units of a sample with lengths of `length_size` bytes, None where the
    lengths do not add up."""
    found = []
    position = 0
    while position < len(data):
        begin = position + length_size
        position = begin + int.from_bytes(data[position:begin], "big")
        if position > len(data):
            return None
        if position > begin:
            found.append(data[begin:position])
    return found


def is_byte_stream(data: bytes, length_size: int) -> bool:
    """Tell whether `data` has start codes. A sample may begin with the same bytes."""
    return data.startswith(_START_CODES) and split(data, length_size) is None


def split_byte_stream(data: bytes) -> list[bytes]:
    """Return the NAL units between start codes. The zeros around them belong to none."""
    return [nal for part in data.split(_START)[1:] if (nal := part.rstrip(b"\0"))]


def join(nals: Iterable[bytes], length_size: int) -> bytes:
    """Return a sample. Raises CodecConfigError for a NAL unit too large for its length field."""
    try:
        return b"".join(len(nal).to_bytes(length_size, "big") + nal for nal in nals)
    except OverflowError:
        raise CodecConfigError("A picture is too large for its length fields.") from None
