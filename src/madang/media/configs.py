"""From what an encoder sends ahead of its frames to a track."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.media import aac, ac3, av1, avc, eac3, flac, hevc, mp3, opus, vp9
from madang.media.track import AudioTrack, Codec, VideoTrack

MAX_CONFIG = 64 * 1024
"""Bytes of a configuration: parameter sets have 16-bit lengths and a few hundred bytes in practice,
and every init segment repeats them."""


def video_track(codec: Codec, config: bytes, first_frame: bytes | None = None) -> VideoTrack:
    """The track that a video codec's configuration describes.

    `config` is what FLV and Enhanced RTMP send in a sequence header: avcC, hvcC, av1C or vpcC.
    `first_frame` is the first key frame: VP9 needs it for the size, AV1 where its configuration
    has no sequence header. Raises CodecConfigError, and LimitExceeded past `MAX_CONFIG`.
    """
    _check_size(codec, config)
    match codec:
        case Codec.AVC:
            return avc.parse_config(config)
        case Codec.HEVC:
            return hevc.parse_config(config)
        case Codec.AV1:
            return av1.parse_config(config, first_frame)
        case Codec.VP9:
            return vp9.parse_config(config, first_frame)
    raise ValueError(f"{codec.value} is not a video codec")


def audio_track(codec: Codec, config: bytes | None, first_frame: bytes | None = None) -> AudioTrack:
    """The track that an audio codec's configuration, or its first access unit, describes.

    `config` is what FLV and Enhanced RTMP send in a sequence header: AudioSpecificConfig,
    OpusHead or the header of FLAC. AC-3, E-AC-3 and MP3 have none, or an empty one; they need
    `first_frame`. Raises CodecConfigError, and LimitExceeded past `MAX_CONFIG`.
    """
    config = config or b""
    frame = first_frame or b""
    _check_size(codec, config)
    match codec:
        case Codec.AAC:
            return aac.parse_config(config)
        case Codec.OPUS:
            return opus.parse_config(config)
        case Codec.FLAC:
            return flac.parse_config(config)
        case Codec.MP3:
            return mp3.parse_frame(frame)
        case Codec.AC3:
            return ac3.parse_frame(frame)
        case Codec.EAC3:
            return eac3.parse_unit(frame)
    raise ValueError(f"{codec.value} is not an audio codec")


def unit_samples(track: AudioTrack, data: bytes) -> int:
    """How many samples, at the track's rate, the access unit `data` holds.

    Raises CodecConfigError for units of Opus, FLAC and E-AC-3 that do not tell.
    """
    match track.codec:
        case Codec.OPUS:
            return opus.packet_samples(data)
        case Codec.FLAC:
            return flac.frame_samples(data)
        case Codec.EAC3:
            return eac3.unit_samples(data)
    return track.frame_samples


def _check_size(codec: Codec, config: bytes) -> None:
    if len(config) > MAX_CONFIG:
        raise LimitExceeded(
            "codec_config", f"The {codec.value} configuration of {len(config)} bytes is too large."
        )
