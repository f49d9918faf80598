"""SAMI files (.smi), which most Korean subtitles are: HTML with times in it, often in two languages
and rarely well-formed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.markup import cue_text
from madang.wire.subtitles.model import MAX_CUES, MAX_SECONDS, Cue, SubtitleError, Track

_SYNC: Final = re.compile(r"<sync\b([^<>]*)>", re.IGNORECASE)
_START: Final = re.compile(r"\bstart\s*=\s*[\"']?\s*(-?\d{1,12})", re.IGNORECASE | re.ASCII)
_PARAGRAPH: Final = re.compile(r"<p\b([^<>]*)>", re.IGNORECASE)
_CLASS: Final = re.compile(r"\bclass\s*=\s*[\"']?\s*([\w-]{1,40})", re.IGNORECASE)
_STYLE: Final = re.compile(r"\.([\w-]{1,40})\s*\{([^{}]{0,400})\}")
_LANGUAGE: Final = re.compile(r"\blang\s*:\s*([a-zA-Z]{2,3}(?:-[a-zA-Z0-9]{2,8})?)", re.IGNORECASE)
_END: Final = re.compile(r"</body\b", re.IGNORECASE)

LAST_SECONDS: Final = 5.0
"""Seconds of a last text that nothing ends."""

_KNOWN_CLASSES: Final = {"KRCC": "ko", "KOCC": "ko", "ENCC": "en", "EGCC": "en", "JPCC": "ja"}
"""Languages of classes without a style."""


def parse_smi(text: str) -> list[Track]:
    """Return the tracks of a file, one for each class that has text. Raises SubtitleError."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (end := _END.search(text)) is not None:
        text = text[: end.start()]
    found: dict[str, list[tuple[float, str]]] = {}
    for number, (start, line, body) in enumerate(_syncs(text)):
        if number >= MAX_CUES:
            raise SubtitleError(_("There are more than {most} texts.", most=MAX_CUES), line)
        for name, source in _paragraphs(body):
            found.setdefault(name, []).append((start, cue_text(source, line, spaces=True)))
    if not found:
        raise SubtitleError(_("There are no times of texts here."), 1)
    languages = _languages(text)
    tracks = [
        Track(tuple(_cues(found[name])), languages.get(name, _KNOWN_CLASSES.get(name, "")))
        for name in found
    ]
    return [track for track in tracks if track.cues]


def _syncs(text: str) -> Iterator[tuple[float, int, str]]:
    """Yield time, number of the line, and content of each SYNC."""
    syncs = list(_SYNC.finditer(text))
    line, counted = 1, 0
    for match, following in zip(syncs, [*syncs[1:], None], strict=False):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        start = _START.search(match[1])
        if start is None:
            raise SubtitleError(_("SYNC has no time, such as Start=62500."), line)
        seconds = max(0, int(start[1])) / 1000
        if seconds > MAX_SECONDS:
            raise SubtitleError(_("The time is later than any video is long."), line)
        yield seconds, line, text[match.end() : following.start() if following else len(text)]


def _paragraphs(body: str) -> Iterator[tuple[str, str]]:
    """Yield class and content of each paragraph; a body without one has no class."""
    paragraphs = list(_PARAGRAPH.finditer(body))
    if not paragraphs:
        yield "", body
        return
    for match, following in zip(paragraphs, [*paragraphs[1:], None], strict=True):
        name = _CLASS.search(match[1])
        content = body[match.end() : following.start() if following else len(body)]
        yield name[1].upper() if name else "", content


def _languages(text: str) -> dict[str, str]:
    """Return the languages of classes, as the style sheet names them."""
    found = {}
    for match in _STYLE.finditer(text):
        if (language := _LANGUAGE.search(match[2])) is not None:
            found[match[1].upper()] = language[1]
    return found


def _cues(texts: list[tuple[float, str]]) -> Iterator[Cue]:
    """Yield cues of texts, each of which lasts until the next, which may be empty."""
    ordered = sorted(texts, key=lambda each: each[0])
    for (start, text), following in zip(ordered, [*ordered[1:], None], strict=True):
        end = following[0] if following is not None else start + LAST_SECONDS
        if text and end > start:
            yield Cue(start, end, text)
