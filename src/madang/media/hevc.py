"""H.265: HEVCDecoderConfigurationRecord and codec strings (ISO/IEC 14496-15, 8.3.3.1, annex E)."""

from __future__ import annotations

from madang.media import video
from madang.media.bits import BitReader, CodecConfigError
from madang.media.hevc_sps import parse_sps
from madang.media.track import Codec, VideoTrack

_WHAT = "H.265 configuration"
_NAL_SPS = 33


def parse_config(config: bytes) -> VideoTrack:
    """Return the track described by an hvcC, with the facts of its SPS.

    Without timing in the SPS, the average frame rate of the record is used. Raises
    CodecConfigError.
    """
    bits = BitReader(config, _WHAT)
    # Some writers left the version at 0 while the record was a draft; the layout is the same.
    if bits.read(8) > 1:
        raise CodecConfigError("The H.265 configuration is of an unknown version.")
    codec_string = _read_codec_string(bits)
    bits.skip(48)  # segmentation, parallelism, chroma format, bit depths
    average_frame_rate = bits.read(16)  # frames per 256 seconds
    bits.skip(8)
    sps = parse_sps(_read_sps(bits))
    return VideoTrack(
        codec=Codec.HEVC,
        config=config,
        codec_string=codec_string,
        width=sps.width,
        height=sps.height,
        frame_rate=sps.frame_rate or video.frame_rate(average_frame_rate, 256),
        pixel_aspect=sps.usability.pixel_aspect,
        color=sps.usability.color,
        interlaced=sps.interlaced,
    )


def _read_codec_string(bits: BitReader) -> str:
    space = ("", "A", "B", "C")[bits.read(2)]
    tier = "H" if bits.flag() else "L"
    profile = bits.read(5)
    # The flags are written in reverse bit order, as one hexadecimal number.
    compatibility = int(f"{bits.read(32):032b}"[::-1], 2)
    constraints = bits.octets(6).rstrip(b"\0")
    level = bits.read(8)
    parts = [f"hvc1.{space}{profile}", f"{compatibility:X}", f"{tier}{level}"]
    return ".".join(parts + [f"{octet:X}" for octet in constraints])


def _read_sps(bits: BitReader) -> bytes:
    for _ in range(bits.read(8)):
        nal_type = bits.read(8) & 63
        for _ in range(bits.read(16)):
            nal = bits.octets(bits.read(16))
            # Layers above the first, as in stereoscopic video, have another SPS syntax.
            if nal_type == _NAL_SPS and len(nal) > 1 and not (nal[0] & 1 or nal[1] >> 3):
                return nal
    raise CodecConfigError("The H.265 configuration has no sequence parameter set.")
