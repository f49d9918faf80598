"""Display orientation of a picture (SEI payload 47; ITU-T H.264, D.1.27; H.265, D.2.17)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from madang.media import video
from madang.media.track import Codec

_AVC_SEI: Final = 6
_HEVC_PREFIX_SEI: Final = 39
_DISPLAY_ORIENTATION: Final = 47
_LEAST_SIZE: Final = 3
_QUARTER: Final = 1 << 14
"""A quarter of a turn, in units of the payload's angle."""

_TRAILING: Final = 0x80
LONGEST: Final = 1 << 16
"""Bytes of the longest NAL unit that is read: a message with the orientation has a few."""

_EMULATES: Final = re.compile(rb"\0\0(?=[\0-\3])")


def take_rotation(codec: Codec, nals: Sequence[bytes]) -> tuple[int, list[bytes]]:
    """Return by how many degrees a picture is turned clockwise to be shown (0, 90, 180 or 270),
    and its NAL units without the message that says so.

    The container says it instead: browsers know only that, and some players do not take both.
    Mirrored pictures are not told apart.
    """
    turned = 0
    kept = []
    for nal in nals:
        header = _sei_header(codec, nal)
        if not header or len(nal) > LONGEST:
            kept.append(nal)
            continue
        data = video.remove_emulation_prevention(nal)
        left, end = [data[:header]], header
        for kind, begin, end in _messages(data, header):
            payload = data[begin:end]
            if kind == _DISPLAY_ORIENTATION and len(payload) >= _LEAST_SIZE:
                turned = _clockwise(int.from_bytes(payload[:3], "big"))
            else:
                left.append(data[begin - _head_size(kind, end - begin) : end])
        size = sum(map(len, left))
        if size == end:
            kept.append(nal)
        elif size > header:
            kept.append(_EMULATES.sub(b"\0\0\3", b"".join((*left, data[end:]))))
    return turned, kept


def _clockwise(payload: int) -> int:
    """Return degrees of the first 24 bits of a payload: cancelled, mirrored (2), angle (16)."""
    if payload >> 23:
        return 0
    return -round((payload >> 5 & 0xFFFF) / _QUARTER) % 4 * 90


def _sei_header(codec: Codec, nal: bytes) -> int:
    """Return the bytes of the header of a NAL unit with SEI, 0 for another."""
    if codec is Codec.AVC:
        return 1 if nal and nal[0] & 31 == _AVC_SEI else 0
    return 2 if nal and nal[0] >> 1 & 63 == _HEVC_PREFIX_SEI else 0


def _messages(data: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield the type of each whole message, and begin and end of its payload (7.3.2.3.1)."""
    last = len(data) - 1
    while position < last or (position == last and data[position] != _TRAILING):
        numbers = []
        for _ in range(2):
            number = 0
            while data[position : position + 1] == b"\xff":
                number += 255
                position += 1
            if position >= len(data):
                return
            numbers.append(number + data[position])
            position += 1
        kind, size = numbers
        if position + size > len(data):
            return
        yield kind, position, position + size
        position += size


def _head_size(kind: int, size: int) -> int:
    return kind // 255 + 1 + size // 255 + 1
