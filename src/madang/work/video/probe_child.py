"""The child that looks at a file of somebody: `python -m madang.work.video.probe_child FD OUT`.

It reads the file from the descriptor FD and writes one JSON object to OUT: the fields of `Source`,
or `refused` with one of the words below. It is confined before it reads the first byte.
"""

from __future__ import annotations

import json
import os
import sys
from fractions import Fraction
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.subtitles import codeccontext  # noqa: F401  # PyAV imports it where a file has any
from av.subtitles.stream import SubtitleStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from madang.infra.sandbox import Limits, restrict

UNKNOWN: Final = "unknown"
NOTHING: Final = "nothing"

LIMITS: Final = Limits(memory=2 << 30, cpu=30, descriptors=16, threads=16)

CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,mxf_opatom,gxf,dv,rm,ivf,"
    "mp3,aac,wav,w64,flac,aiff,caf,amr"
)
"""Demuxers of containers that hold their media themselves: none of playlists, scripts, lists of
pictures or devices."""

_TEXT_CODECS: Final = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text", "sami"})
"""Codecs of subtitles that are not pictures."""

_FRAMES: Final = 12
_PACKETS: Final = 600
"""Pictures that are decoded, and packets that are read for them, at most."""

_INTERLACED: Final = frozenset({2, 3, 4, 5})
"""Values of AVFieldOrder with two fields."""


def main(file: int, out: int) -> None:
    """Describe the file behind a descriptor."""
    av.logging.set_level(None)
    restrict(LIMITS)
    try:
        described = _describe(file)
    except (av.FFmpegError, ValueError, UnicodeError, MemoryError):
        described = {"refused": UNKNOWN}
    with os.fdopen(out, "w") as pipe:
        json.dump(described, pipe)


def _describe(file: int) -> dict[str, Any]:
    options = {"fd": str(file), "protocol_whitelist": "fd", "format_whitelist": CONTAINERS}
    with av.open("fd:", options=options, metadata_errors="replace") as container:
        streams = [each for each in container.streams if each.codec_context is not None]
        video = [each for each in streams if isinstance(each, VideoStream) and _moves(each)]
        audio = [each for each in streams if isinstance(each, AudioStream)]
        if not video and not audio:
            return {"refused": NOTHING}
        size = os.fstat(file).st_size
        begins = [_seconds(each, each.start_time) or 0.0 for each in (*video, *audio)]
        found: dict[str, Any] = {
            "format": container.format.name,
            "title": container.metadata.get("title", ""),
            "size": size,
            "duration": None if container.duration is None else container.duration / 1e6,
            "audio": [_audio(each) for each in audio],
            "subtitles": [
                _text_track(each)
                for each in streams
                if isinstance(each, SubtitleStream)
                and each.codec_context.codec.canonical_name in _TEXT_CODECS
            ],
            "truncated": any(_is_cut(each, size) for each in (*video, *audio)),
        }
        frames, encrypted = _first_frames(container, video)
        found["video"] = [_video(each, frames.get(each.index, []), min(begins)) for each in video]
        for each in (*found["video"], *found["audio"]):
            each["encrypted"] = each["index"] in encrypted
        return found


def _moves(stream: VideoStream) -> bool:
    """Return false for a cover or a preview."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return not stream.disposition & still and stream.codec_context.width > 0


def _first_frames(
    container: InputContainer, video: list[VideoStream]
) -> tuple[dict[int, list[VideoFrame]], set[int]]:
    """Return the first pictures of the streams, and the streams that are encrypted."""
    frames: dict[int, list[VideoFrame]] = {each.index: [] for each in video}
    encrypted: set[int] = set()
    for each in video:
        each.codec_context.thread_count = 1
    for number, packet in enumerate(container.demux()):
        stream = packet.stream
        if packet.has_sidedata("encryption_info"):
            encrypted.add(stream.index)
        wanted = frames.get(stream.index)
        if wanted is not None and len(wanted) < _FRAMES and stream.index not in encrypted:
            try:
                wanted += [each for each in packet.decode() if isinstance(each, VideoFrame)]
            except av.FFmpegError:
                continue
        if number > _PACKETS or all(len(each) >= _FRAMES for each in frames.values()):
            break
    return frames, encrypted


def _video(stream: VideoStream, frames: list[VideoFrame], begin: float) -> dict[str, Any]:
    context = stream.codec_context
    first = frames[0] if frames else None
    interlaced = context.field_order in _INTERLACED or any(each.interlaced_frame for each in frames)
    shown = context if first is None else first
    seconds = _seconds(stream, stream.duration)
    if seconds is not None:
        seconds += (_seconds(stream, stream.start_time) or 0.0) - begin
    return {
        **_common(stream),
        "pixel_format": (first.format.name if first else context.pix_fmt) or "",
        "width": context.width,
        "height": context.height,
        "pixel_aspect": _text(stream.sample_aspect_ratio),
        "rotation": 0 if first is None else -first.rotation % 360 // 90 * 90,
        "average_rate": _text(stream.average_rate),
        "real_rate": _text(stream.base_rate),
        "field_order": "interlaced" if interlaced else "progressive",
        "color": [
            int(shown.color_primaries),
            int(shown.color_trc),
            int(shown.colorspace),
            int(shown.color_range) == 2,
        ],
        "duration": seconds,
        "frames": stream.frames,
    }


def _audio(stream: AudioStream) -> dict[str, Any]:
    return {
        **_common(stream),
        "sample_rate": stream.codec_context.sample_rate,
        "channels": stream.codec_context.channels,
        "duration": _seconds(stream, stream.duration),
        "title": stream.metadata.get("title", ""),
        "default": bool(stream.disposition & Disposition.default),
    }


def _text_track(stream: SubtitleStream) -> dict[str, Any]:
    title = stream.metadata.get("title", "")
    return {"index": stream.index, "language": _language(stream), "title": title}


def _language(stream: Stream) -> str:
    language = stream.metadata.get("language", "")
    return "" if language == "und" else language


def _common(stream: VideoStream | AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "index": stream.index,
        "codec": context.codec.canonical_name,
        "profile": stream.profile or "",
        "tag": context.codec_tag if context.codec_tag.isprintable() else "",
        "language": _language(stream),
    }


def _is_cut(stream: Stream, size: int) -> bool:
    """Return whether the container names data behind the end of the file."""
    entries = stream.index_entries
    return bool(entries) and entries[-1].pos + entries[-1].size > size


def _seconds(stream: Stream, ticks: int | None) -> float | None:
    base = stream.time_base
    return None if ticks is None or base is None else float(ticks * base)


def _text(number: Fraction | None) -> str:
    return "" if number is None else str(number)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
