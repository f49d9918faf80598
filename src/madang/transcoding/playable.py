"""Streams that browsers play as they are, judged by profile, pixel format and container.

A codec's name alone says little: H.264 is also 10 bits deep, 4:2:2 or interlaced, and AVI has no
presentation times.
"""

from __future__ import annotations

from typing import Final

from madang.transcoding.source import PROGRESSIVE, AudioStream, Source, VideoStream

_TIMED: Final = ("mov", "matroska", "mpegts", "flv")
"""Containers that give each picture its presentation time."""

_EIGHT_BITS: Final = ("yuv420p", "yuvj420p")
_TEN_BITS: Final = (*_EIGHT_BITS, "yuv420p10le")

_H264_PROFILES: Final = ("Baseline", "Constrained Baseline", "Main", "High", "Constrained High")
_COPIED_VIDEO: Final = {
    ("h264", profile): _EIGHT_BITS for profile in _H264_PROFILES
} | {
    ("hevc", "Main"): _EIGHT_BITS,
    ("hevc", "Main 10"): _TEN_BITS,
    ("av1", "Main"): _TEN_BITS,
    ("vp9", "Profile 0"): _EIGHT_BITS,
    ("vp9", "Profile 2"): _TEN_BITS,
}  # fmt: skip

_COPIED_AUDIO: Final = ("aac", "mp3", "opus", "flac")
_AAC_PROFILES: Final = ("LC", "HE-AAC", "HE-AACv2")
_MAX_CHANNELS: Final = 6
_MIN_RATE: Final = 16_000
"""Hz; MP4 holds no MP3 below it."""

_MAX_SIDE: Final = 8192
_MAX_H264_PIXELS: Final = 4096 * 2304
"""Size up to which hardware decoders of H.264 go (level 5.2)."""


def copies_video(source: Source, stream: VideoStream) -> bool:
    """Return whether a stream of pictures can be packaged without recoding."""
    formats = _COPIED_VIDEO.get((stream.codec, stream.profile), ())
    pixels = stream.width * stream.height
    return (
        source.format.startswith(_TIMED)
        and stream.pixel_format in formats
        and stream.field_order == PROGRESSIVE
        and max(stream.width, stream.height) <= _MAX_SIDE
        and (stream.codec != "h264" or pixels <= _MAX_H264_PIXELS)
    )


def plays_everywhere(stream: VideoStream) -> bool:
    """Return whether every browser decodes a stream that is packaged as it is."""
    return stream.codec == "h264"


def copies_audio(stream: AudioStream) -> bool:
    """Return whether a sound track can be packaged without recoding."""
    return (
        stream.codec in _COPIED_AUDIO
        and 0 < stream.channels <= _MAX_CHANNELS
        and stream.sample_rate >= _MIN_RATE
        and (stream.codec != "aac" or stream.profile in _AAC_PROFILES)
    )
