"""Shared by the video codecs: plausible sizes and rates, NAL units, usability data."""

from __future__ import annotations

from fractions import Fraction

from madang.media.bits import BitReader, CodecConfigError

MAX_SIZE = 16_384
"""Pixels of width or height: twice 8K, about the maximum of AV1's highest level. Larger numbers are
damage."""

MAX_FRAME_RATE = 1_000
"""Frames per second. Encoders that do not know their rate write time scales of millions; higher
rates are treated as unknown."""

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


def skip_video_usability(bits: BitReader) -> None:
    """Skip the first part of the usability information, common to H.264 and H.265.

    It extends from aspect_ratio_info_present_flag to chroma_sample_loc_type_bottom_field (ITU-T
    H.264, E.1.1; H.265, E.2.1).
    """
    if bits.flag() and bits.read(8) == _EXTENDED_SAR:
        bits.skip(32)
    if bits.flag():  # overscan
        bits.skip(1)
    if bits.flag():  # video signal
        bits.skip(4)
        if bits.flag():
            bits.skip(24)
    if bits.flag():  # chroma location
        bits.ue()
        bits.ue()
