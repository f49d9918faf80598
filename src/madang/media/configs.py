"""Tracks from codec configurations and first access units."""

from __future__ import annotations

from madang.base.errors import LimitExceeded
from madang.media import aac, ac3, av1, avc, eac3, flac, hevc, mp3, opus, vp9
from madang.media.track import AudioTrack, Codec, VideoTrack

MAX_CONFIG = 64 * 1024
"""Bytes of a configuration: parameter sets have 16-bit lengths, a few hundred bytes in practice,
and every init segment repeats them."""


def video_track(codec: Codec, config: bytes, first_frame: bytes | None = None) -> VideoTrack:
    """Return the track described by a video codec configuration.

    `config` is the payload of the sequence header of FLV or Enhanced RTMP: avcC, hvcC, av1C or
    vpcC. `first_frame` is the first key frame: VP9 needs it for the size, AV1 if its configuration
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
    """Return the track described by an audio codec configuration or first access unit.

    `config` is the payload of the sequence header of FLV or Enhanced RTMP: AudioSpecificConfig,
    OpusHead or the FLAC header. AC-3, E-AC-3 and MP3 have none, or an empty one, and need
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
    """Return the number of samples, at the track's rate, in the access unit `data`.

    Raises CodecConfigError for invalid units of Opus, FLAC and E-AC-3.
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
