"""Files of any of the formats."""

from __future__ import annotations

import re
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.encoding import decode
from madang.wire.subtitles.model import SubtitleError, Track
from madang.wire.subtitles.smi import parse_smi
from madang.wire.subtitles.srt import parse_srt
from madang.wire.subtitles.webvtt import SIGNATURE, parse_webvtt

_SMI: Final = re.compile(r"<(?:sami|sync)\b", re.IGNORECASE)
_LINES: Final = re.compile(r"\r\n|\r|\n")


def parse(data: bytes) -> list[Track]:
    """Return the tracks of an SRT, SMI or WebVTT file, each with at least one cue. What it is
    decides its content, never its name. Raises SubtitleError."""
    text = decode(data).replace("\0", "").lstrip("\ufeff")
    if text.startswith(SIGNATURE):
        tracks = [Track(tuple(parse_webvtt(_LINES.split(text))))]
    elif _SMI.search(text):
        tracks = parse_smi(text)
    else:
        tracks = [Track(tuple(parse_srt(_LINES.split(text))))]
    tracks = [each for each in tracks if each.cues]
    if not tracks:
        raise SubtitleError(_("There is no text to show in the file."))
    return tracks
