"""AV1 sequence header ("AV1 Bitstream & Decoding Process Specification", 5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from madang.media import video
from madang.media.bits import BitReader
from madang.media.track import Color

_BT709 = 1
_SRGB = 13
_IDENTITY = 0
_UNSPECIFIED = 2
_SELECT = 2


@dataclass(frozen=True, slots=True)
class _Format:
    bit_depth: int
    monochrome: bool
    subsampling: str
    color: Color


@dataclass(frozen=True, slots=True)
class SequenceHeader:
    """Properties of an AV1 stream.

    `level` is seq_level_idx of the first operating point. `subsampling` is three digits:
    horizontal, vertical, chroma sample position. `width` and `height` are the largest of a frame,
    in pixels.
    """

    profile: int
    level: int
    high_tier: bool
    bit_depth: int
    monochrome: bool
    subsampling: str
    color: Color
    width: int
    height: int
    frame_rate: Fraction | None


def parse_sequence_header(payload: bytes) -> SequenceHeader:
    """Read the payload of a sequence header OBU. Raises CodecConfigError."""
    bits = BitReader(payload, "AV1 sequence header")
    profile = bits.read(3)
    bits.skip(1)
    reduced = bits.flag()
    frame_rate = None
    if reduced:
        level, high_tier = bits.read(5), False
    else:
        frame_rate, delay_bits = _read_timing(bits)
        level, high_tier = _read_operating_points(bits, delay_bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    width, height = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    _skip_tools(bits, reduced)
    format_ = _read_format(bits, profile)
    return SequenceHeader(
        profile=profile,
        level=level,
        high_tier=high_tier,
        bit_depth=format_.bit_depth,
        monochrome=format_.monochrome,
        subsampling=format_.subsampling,
        color=format_.color,
        width=width,
        height=height,
        frame_rate=frame_rate,
    )


def _read_timing(bits: BitReader) -> tuple[Fraction | None, int]:
    """Return the frame rate, and the size of buffer delays in bits (0 without a decoder model)."""
    if not bits.flag():
        return None, 0
    ticks_per_display = bits.read(32)
    time_scale = bits.read(32)
    frame_rate = None
    if bits.flag():  # equal picture interval
        frame_rate = video.frame_rate(time_scale, ticks_per_display * (bits.ue() + 1))
    if not bits.flag():
        return frame_rate, 0
    delay_bits = bits.read(5) + 1
    bits.skip(32 + 5 + 5)
    return frame_rate, delay_bits


def _read_operating_points(bits: BitReader, delay_bits: int) -> tuple[int, bool]:
    """Return level and tier of the first operating point; skip the others."""
    with_display_delay = bits.flag()
    points = []
    for _ in range(bits.read(5) + 1):
        bits.skip(12)
        level = bits.read(5)
        points.append((level, level > 7 and bits.flag()))
        if delay_bits and bits.flag():
            bits.skip(2 * delay_bits + 1)
        if with_display_delay and bits.flag():
            bits.skip(4)
    return points[0]


def _skip_tools(bits: BitReader, reduced: bool) -> None:
    """Skip from frame_id_numbers_present_flag to enable_restoration."""
    if not reduced and bits.flag():
        bits.skip(7)
    bits.skip(3)
    if not reduced:
        bits.skip(4)
        with_order_hint = bits.flag()
        if with_order_hint:
            bits.skip(2)
        screen_content = _SELECT if bits.flag() else bits.read(1)
        if screen_content and not bits.flag():
            bits.skip(1)
        if with_order_hint:
            bits.skip(3)
    bits.skip(3)


def _read_format(bits: BitReader, profile: int) -> _Format:
    """Read color_config() of 5.5.2."""
    bit_depth = 10 if bits.flag() else 8
    if profile == 2 and bit_depth == 10 and bits.flag():
        bit_depth = 12
    monochrome = profile != 1 and bits.flag()
    primaries = transfer = matrix = _UNSPECIFIED
    if bits.flag():
        primaries, transfer, matrix = bits.read(8), bits.read(8), bits.read(8)
    if not monochrome and (primaries, transfer, matrix) == (_BT709, _SRGB, _IDENTITY):
        return _Format(bit_depth, False, "000", Color(primaries, transfer, matrix, full_range=True))
    full_range = bits.flag()
    if monochrome:
        subsampling = "110"
    else:
        across, down = _read_subsampling(bits, profile, bit_depth)
        position = bits.read(2) if across and down else 0
        subsampling = f"{across:d}{down:d}{position}"
    color = Color(primaries, transfer, matrix, full_range=full_range)
    return _Format(bit_depth, monochrome, subsampling, color)


def _read_subsampling(bits: BitReader, profile: int, bit_depth: int) -> tuple[bool, bool]:
    if profile == 0:
        return True, True
    if profile == 1:
        return False, False
    if bit_depth < 12:
        return True, False
    across = bits.flag()
    return across, across and bits.flag()
