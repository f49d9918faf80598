"""What a stream is made of: tracks, and the access units on them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from fractions import Fraction


class Codec(enum.Enum):
    """A codec that Madang carries without recoding; the value is its usual name."""

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

VIDEO_TIMESCALE = 90_000
"""Ticks per second of every video track; divides milliseconds and the usual frame rates."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """A video track, as its codec configuration describes it.

    `config` is the payload of the configuration box that ISO BMFF wants for the codec (the bytes
    after the box header: AVCDecoderConfigurationRecord, HEVCDecoderConfigurationRecord,
    AV1CodecConfigurationRecord, VPCodecConfigurationRecord with its version and flags).
    `codec_string` follows RFC 6381 and the codecs' own rules. `width` and `height` are the
    displayed size in pixels. `frame_rate` is in frames per second where the configuration tells,
    else None.
    """

    codec: Codec
    config: bytes
    codec_string: str
    width: int
    height: int
    frame_rate: Fraction | None = None
    timescale: int = VIDEO_TIMESCALE


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """An audio track, as its codec configuration describes it.

    `config` is AudioSpecificConfig for AAC, the OpusSpecificBox payload for Opus, the 34 bytes of
    STREAMINFO for FLAC, the AC3SpecificBox or EC3SpecificBox payload for AC-3 and E-AC-3, empty
    for MP3. `sample_rate` is in Hz, and equals the timescale. `frame_samples` is how many samples
    one access unit holds where that is fixed for the codec (1024 for AAC-LC, 1152 for MP3, 1536
    for AC-3), else 0: then each unit is measured (Opus, FLAC).
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
    """One access unit: what a decoder takes in one call.

    `dts`, `pts` and `duration` are in ticks of the track's timescale. `duration` is 0 for video
    (it is the distance to the next unit, which nobody knows yet) and the number of samples for
    audio. `key` is true where decoding can begin. `data` is as ISO BMFF stores a sample
    (length-prefixed NAL units for AVC and HEVC, no temporal delimiters for AV1, no ADTS).
    """

    dts: int
    pts: int
    key: bool
    data: bytes
    duration: int = 0
