"""Files of parts for a file server, as many and as large as the station's."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Final

from bench.stream import FRAME_RATE, KEY_INTERVAL, Sample
from madang.wire.flv import FlvReader
from madang.wire.hls import MediaPlaylist, Part, Segment, render_media

PLAYLIST: Final = "media.m3u8"
_SEGMENTS: Final = 15
_WITH_PARTS: Final = 4
"""Segments with parts at the end: those of the last three target durations (RFC 8216bis, section
4.4.4.9), and the growing one."""


def write_parts(folder: Path, stream: Sample, part_target: float) -> float:
    """Write a playlist and its parts to `folder`; returns the seconds between parts.

    A part holds the frames of about `part_target` seconds (the station rounds in the same way), and
    as many bytes as the tags of that time in `stream`.
    """
    frames = round(part_target * FRAME_RATE)
    duration = frames / FRAME_RATE
    per_segment = -int(-KEY_INTERVAL * FRAME_RATE // frames)
    sizes = _sizes(stream, duration, _WITH_PARTS * per_segment)
    segments = []
    for number in range(_SEGMENTS):
        first = number - (_SEGMENTS - _WITH_PARTS)
        parts = tuple(
            Part(f"seg-{number}.{index}.m4s", duration, independent=index == 0)
            for index in range(per_segment if first >= 0 else 0)
        )
        for part in parts:
            body = sizes.pop(0).to_bytes(4, "big") + b"moof"
            (folder / part.uri).write_bytes(body.ljust(int.from_bytes(body[:4], "big"), b"\x5a"))
        map_uri = "init.mp4"
        segments.append(Segment(f"seg-{number}.m4s", KEY_INTERVAL, parts, map_uri=map_uri))
    playlist = MediaPlaylist(
        target_duration=int(KEY_INTERVAL),
        segments=tuple(segments),
        part_target=part_target,
        part_hold_back=3 * part_target,
        can_skip_until=6 * KEY_INTERVAL,
    )
    (folder / f"{PLAYLIST}.gz").write_bytes(gzip.compress(render_media(playlist).encode()))
    return duration


def _sizes(stream: Sample, duration: float, count: int) -> list[int]:
    sizes = [8] * count
    for tag in FlvReader().receive(stream.path.read_bytes()):
        index = int(tag.timestamp / 1000 / duration)
        if index < count:
            sizes[index] += len(tag.body)
    return sizes
