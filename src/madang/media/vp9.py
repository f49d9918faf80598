"""VP9: VPCodecConfigurationRecord and codec strings ("VP Codec ISO Media File Format Binding")."""

from __future__ import annotations

from madang.media import video
from madang.media.bits import BitReader, CodecConfigError
from madang.media.track import Codec, Color, VideoTrack

_VERSION_AND_FLAGS = b"\1\0\0\0"
_RECORD_SIZE = 8
_BIT_DEPTHS = (8, 10, 12)
_FRAME_MARKER = 2
_SYNC_CODE = 0x498342
_RGB = 7

_LEVELS = (
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 40),
    (8_912_896, 50),
    (35_651_584, 60),
)
"""Lowest level that allows so many pixels ("VP9 Levels", webmproject.org)."""
_HIGHEST_LEVEL = 62


def parse_config(config: bytes, first_frame: bytes | None = None) -> VideoTrack:
    """Return the track described by a vpcC, with the size of the first key frame.

    The record is accepted with the box's version and flags before it, as sent by ffmpeg, and
    without, as in Enhanced RTMP. Raises CodecConfigError.
    """
    if not first_frame:
        raise CodecConfigError("A VP9 track cannot be described without its first key frame.")
    # Unambiguous: the third byte of a bare record begins with the bit depth.
    if config[:4] != _VERSION_AND_FLAGS:
        config = _VERSION_AND_FLAGS + config
    if len(config) < len(_VERSION_AND_FLAGS) + _RECORD_SIZE:
        raise CodecConfigError("The VP9 configuration is cut off.")
    width, height = frame_size(first_frame)
    record = config[len(_VERSION_AND_FLAGS) :]
    return VideoTrack(
        codec=Codec.VP9,
        config=config,
        codec_string=codec_string(record, width * height),
        width=width,
        height=height,
        color=Color(*record[3:6], full_range=bool(record[2] & 1)),
    )


def frame_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels from the uncompressed header of a key frame.

    "VP9 Bitstream & Decoding Process Specification", 6.2. Raises CodecConfigError, also for other
    frames.
    """
    bits = BitReader(data, "VP9 frame")
    if bits.read(2) != _FRAME_MARKER:
        raise CodecConfigError("The VP9 frame does not begin as one.")
    profile = bits.read(1) | bits.read(1) << 1
    if profile == 3:
        bits.skip(1)
    if bits.flag() or bits.flag():
        raise CodecConfigError("The VP9 frame is not a key frame.")
    bits.skip(2)
    if bits.read(24) != _SYNC_CODE:
        raise CodecConfigError("The VP9 key frame has no synchronisation code.")
    if profile >= 2:
        bits.skip(1)
    if bits.read(3) != _RGB:
        bits.skip(1)
        if profile in (1, 3):
            bits.skip(3)
    elif profile in (1, 3):
        bits.skip(1)
    width, height = bits.read(16) + 1, bits.read(16) + 1
    video.check_size(width, height, "VP9")
    return width, height


def codec_string(record: bytes, pixels: int) -> str:
    """Return the codec string of the binding ("Codecs Parameter String"), without trailing
    defaults."""
    profile, level, packed, *colour = record[:6]
    bit_depth = packed >> 4
    subsampling = packed >> 1 & 7
    full_range = packed & 1
    if profile > 3 or bit_depth not in _BIT_DEPTHS:
        raise CodecConfigError("The VP9 configuration has an unknown profile or bit depth.")
    if not level:
        # Some writers use level 0 for unknown, which players refuse.
        level = next((level for limit, level in _LEVELS if pixels <= limit), _HIGHEST_LEVEL)
    short = f"vp09.{profile:02d}.{level:02d}.{bit_depth:02d}"
    # Players ignore the chroma position of 4:2:0 and treat unspecified colours as BT.709.
    if subsampling <= 1 and set(colour) <= {1, 2} and not full_range:
        return short
    numbers = ".".join(f"{number:02d}" for number in (subsampling, *colour, full_range))
    return f"{short}.{numbers}"
