"""H.264: AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) and its SPS (ITU-T H.264)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from madang.media import video
from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import Codec, VideoTrack

_WHAT = "H.264 configuration"

_WITH_CHROMA_FORMAT = frozenset({44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244})
"""profile_idc values with a chroma format in the SPS (7.3.2.1.1)."""

_CHROMA_444 = 3
_MAX_CYCLE = 255


@dataclass(frozen=True, slots=True)
class _Sps:
    width: int
    height: int
    frames_only: bool
    usability: video.Usability
    frame_rate: Fraction | None


def parse_config(config: bytes) -> VideoTrack:
    """Return the track described by an avcC, with the facts of its first SPS.

    Raises CodecConfigError.
    """
    bits = BitReader(config, _WHAT)
    if bits.read(8) != 1:
        raise CodecConfigError("The H.264 configuration is of an unknown version.")
    profile, compatibility, level = bits.octets(3)
    bits.skip(6)
    if bits.read(2) == 2:
        raise CodecConfigError("The H.264 configuration has NAL units with lengths of 3 bytes.")
    bits.skip(3)
    if not bits.read(5):
        raise CodecConfigError("The H.264 configuration has no sequence parameter set.")
    sps = _parse_sps(bits.octets(bits.read(16)))
    return VideoTrack(
        codec=Codec.AVC,
        config=config,
        codec_string=f"avc1.{profile:02x}{compatibility:02x}{level:02x}",
        width=sps.width,
        height=sps.height,
        frame_rate=sps.frame_rate,
        pixel_aspect=sps.usability.pixel_aspect,
        color=sps.usability.color,
        interlaced=not sps.frames_only,
    )


def _parse_sps(nal: bytes) -> _Sps:
    bits = BitReader(video.remove_emulation_prevention(nal), "H.264 sequence parameter set")
    if bits.read(8) & 31 != 7:
        raise CodecConfigError("The H.264 configuration has no sequence parameter set.")
    profile = bits.read(8)
    bits.skip(16)
    bits.ue()  # seq_parameter_set_id
    chroma_format, separate_planes = 1, False
    if profile in _WITH_CHROMA_FORMAT:
        chroma_format, separate_planes = _read_chroma_and_depth(bits)
    bits.ue()  # log2_max_frame_num_minus4
    _skip_picture_order_count(bits)
    bits.ue()  # max_num_ref_frames
    bits.skip(1)
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    frames_only = bits.flag()
    fields = 1 if frames_only else 2
    if not frames_only:
        bits.skip(1)
    bits.skip(1)
    height = map_units * 16 * fields
    if bits.flag():
        left, right, top, bottom = (bits.ue() for _ in range(4))
        across, down = video.chroma_subsampling(chroma_format, separate_planes)
        width -= (left + right) * across
        height -= (top + bottom) * down * fields
    video.check_size(width, height, "H.264")
    return _Sps(width, height, frames_only, *_read_usability(bits))


def _read_chroma_and_depth(bits: BitReader) -> tuple[int, bool]:
    chroma_format = bits.ue()
    separate_planes = chroma_format == _CHROMA_444 and bits.flag()
    bits.ue()  # bit_depth_luma_minus8
    bits.ue()  # bit_depth_chroma_minus8
    bits.skip(1)
    if bits.flag():  # scaling matrix
        for index in range(12 if chroma_format == _CHROMA_444 else 8):
            if bits.flag():
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma_format, separate_planes


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    """Skip one scaling list, which ends early if the next scale becomes 0 (7.3.2.1.1.1)."""
    scale = 8
    for _ in range(size):
        scale = (scale + bits.se()) & 0xFF
        if not scale:
            return


def _skip_picture_order_count(bits: BitReader) -> None:
    match bits.ue():
        case 0:
            bits.ue()
        case 1:
            bits.skip(1)
            bits.se()
            bits.se()
            cycle = bits.ue()
            if cycle > _MAX_CYCLE:
                raise CodecConfigError("The H.264 configuration has an impossible picture order.")
            for _ in range(cycle):
                bits.se()


def _read_usability(bits: BitReader) -> tuple[video.Usability, Fraction | None]:
    """Return the usability information and the frame rate in it (E.2.1: two ticks make a frame).

    Some cameras truncate it, and decoders do not need it: what is missing is unknown.
    """
    usability = video.Usability()
    try:
        if bits.flag():
            usability = video.read_usability(bits)
            if bits.flag():
                ticks_per_field = bits.read(32)
                return usability, video.frame_rate(bits.read(32), 2 * ticks_per_field)
    except CodecConfigError:
        pass
    return usability, None
