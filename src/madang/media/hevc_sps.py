"""H.265 sequence parameter set, up to its timing (ITU-T H.265, 7.3.2.2 and E.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from madang.media import video
from madang.media.bits import BitReader, CodecConfigError

_MAX_PICTURE_SETS = 64
_MAX_PICTURES = 16
_MAX_LONG_TERM_PICTURES = 32
_MAX_POC_BITS = 16
_CHROMA_444 = 3
_SOURCE_FLAGS = 8


@dataclass(frozen=True, slots=True)
class HevcSps:
    """`width` and `height` in pixels after cropping, `frame_rate` in frames per second.

    `interlaced` is true where pictures are fields, or frames of two fields.
    """

    width: int
    height: int
    interlaced: bool
    usability: video.Usability
    frame_rate: Fraction | None


def parse_sps(nal: bytes) -> HevcSps:
    """Read an SPS NAL unit, header included. Raises CodecConfigError."""
    rbsp = video.remove_emulation_prevention(nal)
    bits = BitReader(rbsp, "H.265 sequence parameter set")
    bits.skip(16 + 4)
    sub_layers = bits.read(3)
    bits.skip(1)
    skip_profile_tier_level(bits, sub_layers)
    bits.ue()  # sps_seq_parameter_set_id
    chroma_format = bits.ue()
    separate_planes = chroma_format == _CHROMA_444 and bits.flag()
    width, height = bits.ue(), bits.ue()
    if bits.flag():
        left, right, top, bottom = (bits.ue() for _ in range(4))
        across, down = video.chroma_subsampling(chroma_format, separate_planes)
        width -= (left + right) * across
        height -= (top + bottom) * down
    video.check_size(width, height, "H.265")
    # general_progressive_source_flag and general_interlaced_source_flag (7.3.3)
    interlaced = rbsp[_SOURCE_FLAGS] >> 6 == 1
    fields, usability, frame_rate = _read_usability(bits, sub_layers)
    return HevcSps(width, height, interlaced or fields, usability, frame_rate)


def skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    """Skip profile_tier_level of `sub_layers` layers above the first (7.3.3)."""
    bits.skip(88 + 8)
    present = [(bits.flag(), bits.flag()) for _ in range(sub_layers)]
    if sub_layers:
        bits.skip(2 * (8 - sub_layers))
    for profile, level in present:
        bits.skip(88 * profile + 8 * level)


def _read_usability(
    bits: BitReader, sub_layers: int
) -> tuple[bool, video.Usability, Fraction | None]:
    """Return whether pictures are fields, the usability information, and the frame rate in it.

    It is for display only: what cannot be parsed here is unknown.
    """
    fields, usability = False, video.Usability()
    try:
        _skip_coding_tools(bits, sub_layers)
        if bits.flag():
            usability = video.read_usability(bits)
            bits.skip(1)
            fields = bits.flag()
            bits.skip(1)
            if bits.flag():  # default display window
                for _ in range(4):
                    bits.ue()
            if bits.flag():
                ticks_per_frame = bits.read(32)
                return fields, usability, video.frame_rate(bits.read(32), ticks_per_frame)
    except CodecConfigError:
        pass
    return fields, usability, None


def _skip_coding_tools(bits: BitReader, sub_layers: int) -> None:
    """Skip from bit_depth_luma_minus8 to strong_intra_smoothing_enabled_flag."""
    bits.ue()
    bits.ue()
    poc_bits = bits.ue() + 4
    if poc_bits > _MAX_POC_BITS:
        raise CodecConfigError("The H.265 configuration has an impossible picture order count.")
    for _ in range(sub_layers + 1 if bits.flag() else 1):
        for _ in range(3):
            bits.ue()
    for _ in range(6):  # sizes of coding and transform blocks
        bits.ue()
    if bits.flag() and bits.flag():
        _skip_scaling_lists(bits)
    bits.skip(2)
    if bits.flag():  # PCM
        bits.skip(8)
        bits.ue()
        bits.ue()
        bits.skip(1)
    _skip_short_term_sets(bits)
    if bits.flag():  # long-term reference pictures
        pictures = bits.ue()
        if pictures > _MAX_LONG_TERM_PICTURES:
            raise CodecConfigError("The H.265 configuration has too many reference pictures.")
        bits.skip(pictures * (poc_bits + 1))
    bits.skip(2)


def _skip_scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if not bits.flag():
                bits.ue()
                continue
            if size > 1:
                bits.se()
            for _ in range(min(64, 16 << 2 * size)):
                bits.se()


def _skip_short_term_sets(bits: BitReader) -> None:
    count = bits.ue()
    if count > _MAX_PICTURE_SETS:
        raise CodecConfigError("The H.265 configuration has too many reference picture sets.")
    deltas: list[int] = []
    for index in range(count):
        predicted = index > 0 and bits.flag()
        deltas = _read_predicted_set(bits, deltas) if predicted else _read_set(bits)


def _read_set(bits: BitReader) -> list[int]:
    """Return the picture order count deltas of an explicitly coded set (7.3.7, 7.4.8)."""
    negative, positive = bits.ue(), bits.ue()
    if negative > _MAX_PICTURES or positive > _MAX_PICTURES:
        raise CodecConfigError("The H.265 configuration has too many reference pictures.")
    deltas = []
    for count, sign in ((negative, -1), (positive, 1)):
        delta = 0
        for _ in range(count):
            delta += sign * (bits.ue() + 1)
            deltas.append(delta)
            bits.skip(1)
    return deltas


def _read_predicted_set(bits: BitReader, reference: list[int]) -> list[int]:
    """Return the deltas of a set predicted from the previous one (7.4.8, equations 7-61, 7-62).

    The order, nearest first with the past before the future, matters to the next set; a delta of 0
    is dropped.
    """
    backwards = bits.flag()
    distance = bits.ue() + 1
    shift = -distance if backwards else distance
    deltas = set()
    for delta in (*reference, 0):
        used = bits.flag()
        if used or bits.flag():
            deltas.add(delta + shift)
    return sorted((d for d in deltas if d < 0), reverse=True) + sorted(d for d in deltas if d > 0)
