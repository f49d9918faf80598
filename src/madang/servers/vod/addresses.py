"""Addresses below `/vod/`, and the names of downloads."""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final
from urllib.parse import quote

from madang.recording.manifest import ID_PATTERN

LONGEST: Final = 128
"""Characters of a path; longer ones lead to nothing."""

TITLE_LENGTH: Final = 80
"""Characters of a title in a file name: file systems take 255 bytes, Hangul has three each."""

PATHS: Final = 4096
"""Paths that are remembered."""

_ADDRESS: Final = re.compile(
    rf"/vod/(?P<id>{ID_PATTERN})/"
    r"(?:(?P<multivariant>index\.m3u8)|(?P<poster>poster\.jpg)|(?P<download>[\w-]{1,32})\.mp4"
    r"|(?P<storyboard>storyboard\.vtt)|storyboard/(?P<sheet>[1-9][0-9]{0,2})\.jpg"
    rf"|subtitles/(?P<subtitles>{ID_PATTERN})\.vtt"
    r"|(?P<rendition>[\w-]{1,32})/(?:(?P<playlist>media\.m3u8)|(?P<number>[1-9][0-9]{0,4})\.mp4))",
    re.ASCII,
)

_RESERVED: Final = frozenset('/\\:*?"<>|')
"""Characters that a file name cannot have on one system or another."""


class Kind(Enum):
    """Kinds of answers below `/vod/`."""

    MULTIVARIANT = auto()
    PLAYLIST = auto()
    FILE = auto()
    DOWNLOAD = auto()
    POSTER = auto()
    STORYBOARD = auto()
    SHEET = auto()
    SUBTITLES = auto()


@dataclass(frozen=True, slots=True)
class VodAddress:
    """An address. `number` counts the files of a rendition, or
    the sheets of the storyboard, from 1; `part` is the id of subtitles."""

    id: str
    kind: Kind
    rendition: str = ""
    number: int = 0
    part: str = ""


@functools.lru_cache(PATHS)
def parse(path: str) -> VodAddress | None:
    """Return what a percent-decoded path means, None where it means nothing."""
    match = _ADDRESS.fullmatch(path) if len(path) <= LONGEST else None
    if match is None:
        return None
    video, rendition = match["id"], match["rendition"]
    if match["multivariant"]:
        return VodAddress(video, Kind.MULTIVARIANT)
    if match["poster"]:
        return VodAddress(video, Kind.POSTER)
    if match["storyboard"]:
        return VodAddress(video, Kind.STORYBOARD)
    if match["sheet"]:
        return VodAddress(video, Kind.SHEET, number=int(match["sheet"]))
    if match["subtitles"]:
        return VodAddress(video, Kind.SUBTITLES, part=match["subtitles"])
    if match["download"]:
        return VodAddress(video, Kind.DOWNLOAD, match["download"], 1)
    if match["playlist"]:
        return VodAddress(video, Kind.PLAYLIST, rendition)
    return VodAddress(video, Kind.FILE, rendition, int(match["number"]))


def attachment(title: str, fallback: str) -> str:
    """Return Content-Disposition for a download named after `title` (RFC 6266, section 4.3).

    `fallback` is ASCII: the name where nothing is left of the title.
    """
    name = _file_name(title) or fallback
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = _file_name(plain.replace("%", " ")) or fallback
    return f"attachment; filename=\"{plain}.mp4\"; filename*=UTF-8''{quote(name, safe='')}.mp4"


def _file_name(text: str) -> str:
    kept = "".join(
        " " if each in _RESERVED or unicodedata.category(each)[0] in "CZ" else each
        for each in text[:TITLE_LENGTH]
    )
    return " ".join(kept.split()).strip(". ")
