"""What the video codecs have in common: plausible sizes and rates, NAL units, usability data."""

from __future__ import annotations

from fractions import Fraction

from madang.media.bits import BitReader, CodecConfigError

MAX_SIZE = 16_384
"""Pixels of width or height: twice 8K, and about what the highest level of AV1 allows. A larger
number is damage."""

MAX_FRAME_RATE = 1_000
"""Frames per second: encoders that do not know their rate write time scales of millions, so a
higher rate than this tells nothing."""

_EXTENDED_SAR = 255


def check_size(width: int, height: int, codec: str) -> None:
    """Raise CodecConfigError unless the size, in pixels, is one that can be shown."""
    if not (0 < width <= MAX_SIZE and 0 < height <= MAX_SIZE):
        raise CodecConfigError(f"The {codec} configuration tells of {width} by {height} pixels.")


def frame_rate(ticks_per_second: int, ticks_per_frame: int) -> Fraction | None:
    """Frames per second; None where the numbers make no plausible rate."""
    if not ticks_per_second or not ticks_per_frame:
        return None
    rate = Fraction(ticks_per_second, ticks_per_frame)
    return rate if 1 <= rate <= MAX_FRAME_RATE else None


def remove_emulation_prevention(nal: bytes) -> bytes:
    """The NAL unit without the bytes that keep start codes out of it (ITU-T H.264, 7.4.1)."""
    return nal.replace(b"\0\0\3", b"\0\0")


def chroma_subsampling(chroma_format: int, separate_planes: bool) -> tuple[int, int]:
    """Luma samples per chroma sample, across and down (ITU-T H.264, table 6-1)."""
    if separate_planes:
        return 1, 1
    return {1: (2, 2), 2: (2, 1)}.get(chroma_format, (1, 1))


def skip_video_usability(bits: BitReader) -> None:
    """Pass the part of the usability information that H.264 and H.265 begin with.

    That is from aspect_ratio_info_present_flag to chroma_sample_loc_type_bottom_field (ITU-T
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
