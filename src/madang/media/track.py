"""Tracks, and the access units on them."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from fractions import Fraction


class Codec(enum.Enum):
    """Codec carried without transcoding; the value is its usual name."""

    AVC = "H.264"
    HEVC = "H.265"
    AV1 = "AV1"
    VP9 = "VP9"
    AAC = "AAC"
    MP3 = "MP3"
    OPUS = "Opus"
    FLAC = "FLAC"
    AC3 = "AC-3"
    EAC3 = "E-AC-3"

    @property
    def is_video(self) -> bool:
        """True for AVC, HEVC, AV1 and VP9."""
        return self in _VIDEO


_VIDEO = frozenset({Codec.AVC, Codec.HEVC, Codec.AV1, Codec.VP9})

MAX_SQUARE_WIDTH = 0x7FFF
"""Largest width of 16 bits that MP4's matrix can move (ISO/IEC 14496-12, 8.3.2)."""

VIDEO_TIMESCALE = 90_000
"""Ticks per second of every video track; divides milliseconds and the usual frame rates."""


@dataclass(frozen=True, slots=True)
class Color:
    """Colours of a picture by the code points of ITU-T H.273; 2 is unspecified."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = field(default=False, kw_only=True)

    @property
    def video_range(self) -> str:
        """Dynamic range by the name that HLS has for it: SDR, PQ or HLG."""
        return {16: "PQ", 18: "HLG"}.get(self.transfer, "SDR")


UNKNOWN_COLOR = Color()
SQUARE = Fraction(1)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """Video track described by its codec configuration.

    `config` is the payload of the codec's configuration box in ISO BMFF (the bytes after the box
    header: AVCDecoderConfigurationRecord, HEVCDecoderConfigurationRecord,
    AV1CodecConfigurationRecord, VPCodecConfigurationRecord with version and flags). `codec_string`
    follows RFC 6381 and the codecs' own rules. `width` and `height` are the size in coded pixels
    after cropping, each of which is `pixel_aspect` times as wide as high. `frame_rate` is in frames
    per second, None if unknown. `interlaced` is true where frames may consist of two fields.
    `rotation` is by how many degrees the picture is turned clockwise to be shown, in quarters of a
    turn.
    """

    codec: Codec
    config: bytes
    codec_string: str
    width: int
    height: int
    frame_rate: Fraction | None = None
    timescale: int = VIDEO_TIMESCALE
    pixel_aspect: Fraction = SQUARE
    color: Color = UNKNOWN_COLOR
    interlaced: bool = False
    rotation: int = 0

    @property
    def square_size(self) -> tuple[int, int]:
        """Width and height in square pixels, before the rotation."""
        width = round(self.width * self.pixel_aspect)
        return width if width <= MAX_SQUARE_WIDTH else self.width, self.height

    @property
    def display_size(self) -> tuple[int, int]:
        """Width and height in square pixels, as viewers see it."""
        width, height = self.square_size
        return (height, width) if self.rotation % 180 else (width, height)


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Audio track described by its codec configuration.

    `config` is AudioSpecificConfig for AAC, the OpusSpecificBox payload for Opus, the 34 bytes of
    STREAMINFO for FLAC, the AC3SpecificBox or EC3SpecificBox payload for AC-3 and E-AC-3, empty for
    MP3. `sample_rate` is in Hz and equals the timescale. `frame_samples` is the samples of an
    access unit if fixed for the codec (1024 for AAC-LC, 1152 for MP3, 1536 for AC-3), else 0: each
    unit is then measured (Opus, FLAC).
    """

    codec: Codec
    config: bytes
    codec_string: str
    sample_rate: int
    channels: int
    frame_samples: int

    @property
    def timescale(self) -> int:
        """Ticks per second of the track's times: its sample rate."""
        return self.sample_rate


Track = VideoTrack | AudioTrack


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One access unit: the input of one decoder call.

    `dts`, `pts` and `duration` are in ticks of the track's timescale. `duration` is the number of
    samples for audio, and 0 for video (the distance to the next unit is not yet known). `key` is
    True if decoding can begin here. `data` is in ISO BMFF sample format (length-prefixed NAL units
    for AVC and HEVC, no temporal delimiters for AV1, no ADTS).
    """

    dts: int
    pts: int
    key: bool
    data: bytes
    duration: int = 0
