"""The storyboard of a recording: which of its key frames are shown on the seek bar, and where on
the sheets. The sheets and their list are files in the folder `storyboard` of the recording."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from madang.recording.index import Kind, Record
from madang.recording.trim import Trim
from madang.wire.subtitles import Cue, render

STORYBOARD: Final = "storyboard"
"""Name of the folder of a recording that is not trimmed."""

LIST: Final = "storyboard.vtt"
"""Name of the list of tiles in the folder."""

MOST_TILES: Final = 500
"""Tiles of a video: one for every 7 seconds of an hour, 3 MB at most."""

LEAST_INTERVAL: Final = 1.0
"""Seconds between two tiles at least."""

TILE_SIDE: Final = 192
"""Pixels of the longer side of a tile."""

COLUMNS: Final = 5
ROWS: Final = 5
SHEET: Final = COLUMNS * ROWS
"""Tiles of a sheet: what is loaded at once, about 120 KB."""


def folder_name(trim: Trim | None) -> str:
    """Return the name of the folder; a trimmed recording has one for each trim, and in it a
    poster."""
    return STORYBOARD if trim is None else f"{STORYBOARD}-{trim.start}-{trim.end}"


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """A fragment that begins with a key frame: `file` counts the files of the rendition from 1,
    offset and size are in bytes of it, `at` is its place in the playlist in seconds."""

    file: int
    offset: int
    size: int
    at: float


@dataclass(frozen=True, slots=True)
class Choice:
    """Key frames for the tiles, in order, and the length of the playlist in seconds."""

    frames: tuple[KeyFrame, ...]
    length: float


def choose(files: Sequence[Sequence[Record]], most: int = MOST_TILES) -> Choice:
    """Return `most` key frames at most, evenly spread; `files` are the indexes of a rendition."""
    frames: list[KeyFrame] = []
    length = 0.0
    for number, records in enumerate(files, 1):
        for each in records:
            if each.kind == Kind.PART and each.independent:
                frames.append(KeyFrame(number, each.offset, each.size, length))
            if each.kind in {Kind.PART, Kind.GAP}:
                length += each.duration
    interval = max(LEAST_INTERVAL, length / most)
    chosen: list[KeyFrame] = []
    for frame in frames:
        if not chosen or frame.at >= chosen[-1].at + interval:
            chosen.append(frame)
    return Choice(tuple(chosen[:most]), length)


def fitted(
    width: int, height: int, box: tuple[int, int] = (TILE_SIDE, TILE_SIDE)
) -> tuple[int, int]:
    """Return the size in which a picture fills a box, never larger than it is; both are even."""
    scale = min(1.0, box[0] / width, box[1] / height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def sheets(tiles: int) -> int:
    """Return the number of sheets for a number of tiles."""
    return math.ceil(tiles / SHEET)


def render_list(
    places: Sequence[tuple[int, int, float]], length: float, size: tuple[int, int]
) -> str:
    """Return WebVTT whose cues are addresses of tiles, relative to the list's own address.

    `places` are tiles in order: number of the sheet from 1, number on the sheet from 0, and
    seconds. Each is shown until the next; the fragment `xywh` is that of W3C Media Fragments.
    """
    width, height = size
    ends = [at for _, _, at in places[1:]] + [length]
    return render(
        Cue(
            at,
            max(end, at),
            f"{STORYBOARD}/{sheet}.jpg#xywh={tile % COLUMNS * width},{tile // COLUMNS * height},"
            f"{width},{height}",
        )
        for (sheet, tile, at), end in zip(places, ends, strict=True)
    )
