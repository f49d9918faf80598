"""Shared by the video codecs: plausible sizes and rates, NAL units, usability data."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import SQUARE, UNKNOWN_COLOR, Color

MAX_SIZE = 16_384
"""Pixels of width or height: twice 8K, about the maximum of AV1's highest level. Larger numbers are
damage."""

MAX_FRAME_RATE = 1_000
"""Frames per second. Encoders that do not know their rate write time scales of millions; higher
rates are treated as unknown."""

MAX_PIXEL_ASPECT = 3
"""Ratio of a pixel's sides: twice that of anamorphic film. Larger ones are damage."""

_ASPECTS = (
    (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33),
    (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
"""Sample aspect ratios of aspect_ratio_idc, from 1 on (ITU-T H.264, table E-1)."""

_EXTENDED_SAR = 255


def check_size(width: int, height: int, codec: str) -> None:
    """Raise CodecConfigError unless the size, in pixels, can be displayed."""
    if not (0 < width <= MAX_SIZE and 0 < height <= MAX_SIZE):
        raise CodecConfigError(f"The {codec} configuration tells of {width} by {height} pixels.")


def frame_rate(ticks_per_second: int, ticks_per_frame: int) -> Fraction | None:
    """Return frames per second, or None if the rate is implausible."""
    if not ticks_per_second or not ticks_per_frame:
        return None
    rate = Fraction(ticks_per_second, ticks_per_frame)
    return rate if 1 <= rate <= MAX_FRAME_RATE else None


def remove_emulation_prevention(nal: bytes) -> bytes:
    """Return the NAL unit without emulation prevention bytes (ITU-T H.264, 7.4.1)."""
    return nal.replace(b"\0\0\3", b"\0\0")


def chroma_subsampling(chroma_format: int, separate_planes: bool) -> tuple[int, int]:
    """Return luma samples per chroma sample, horizontally and vertically (ITU-T H.264, table
    6-1)."""
    if separate_planes:
        return 1, 1
    return {1: (2, 2), 2: (2, 1)}.get(chroma_format, (1, 1))


@dataclass(frozen=True, slots=True)
class Usability:
    """Facts for the display of a picture. `pixel_aspect` is a pixel's width by its height."""

    pixel_aspect: Fraction = SQUARE
    color: Color = UNKNOWN_COLOR


def pixel_aspect(width: int, height: int) -> Fraction:
    """Return the ratio of a pixel's sides, 1 where it is unknown or implausible."""
    if not width or not height:
        return SQUARE
    ratio = Fraction(width, height)
    return ratio if Fraction(1, MAX_PIXEL_ASPECT) <= ratio <= MAX_PIXEL_ASPECT else SQUARE


def read_usability(bits: BitReader) -> Usability:
    """Read the first part of the usability information, common to H.264 and H.265.

    It extends from aspect_ratio_info_present_flag to chroma_sample_loc_type_bottom_field (ITU-T
    H.264, E.1.1; H.265, E.2.1). Raises CodecConfigError.
    """
    aspect, color = SQUARE, UNKNOWN_COLOR
    if bits.flag():
        code = bits.read(8)
        if code == _EXTENDED_SAR:
            aspect = pixel_aspect(bits.read(16), bits.read(16))
        elif 0 < code <= len(_ASPECTS):
            aspect = Fraction(*_ASPECTS[code - 1])
    if bits.flag():  # overscan
        bits.skip(1)
    if bits.flag():  # video signal
        bits.skip(3)
        full_range = bits.flag()
        points = [bits.read(8) for _ in range(3)] if bits.flag() else []
        color = Color(*points, full_range=full_range)
    if bits.flag():  # chroma location
        bits.ue()
        bits.ue()
    return Usability(aspect, color)
