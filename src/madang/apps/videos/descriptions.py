"""Descriptions of videos: links, times that the player goes to, chapters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_TIME: Final = (
    r"(?<![\d:.])(?:(?P<hours>\d{1,3}):(?=\d\d:))?"
    r"(?P<minutes>\d{1,2}):(?P<seconds>[0-5]\d)(?![\d:])"
)
_LINK_OR_TIME: Final = re.compile(rf"(?P<url>https?://[^\s<>\"]+)|{_TIME}", re.ASCII)
_CHAPTER: Final = re.compile(rf"^[\s\-*•([]*{_TIME}[)\]]?[\s\-–—:.]*(?P<title>\S.*)$", re.ASCII)
_PUNCTUATION: Final = ".,;:!?'\"。、"

MIN_CHAPTERS: Final = 2
"""A single time in a description is a remark."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video from `at` on (seconds)."""

    at: int
    time: str
    title: str


def clock(seconds: float) -> str:
    """Return a length as `1:02:03` or `2:03`."""
    whole = max(round(seconds), 0)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def chapters(text: str, duration: float) -> list[Chapter]:
    """Return the chapters of a video: lines that begin with a time, in order of these times."""
    found: dict[int, Chapter] = {}
    for line in text.splitlines():
        match = _CHAPTER.match(line)
        if match is not None and (at := _seconds(match)) < duration:
            found.setdefault(at, Chapter(at, clock(at), match["title"].strip()))
    return [found[at] for at in sorted(found)] if len(found) >= MIN_CHAPTERS else []


def as_html(text: str, duration: float) -> SafeString:
    """Return a description with its web addresses and times within the video as links."""
    return format_html_join("", "{}", ((part,) for part in _parts(text, duration)))


def _parts(text: str, duration: float) -> Iterator[str]:
    end = 0
    for match in _LINK_OR_TIME.finditer(text):
        url = match["url"]
        if url is None and _seconds(match) >= duration:
            continue
        yield text[end : match.start()]
        if url is None:
            end = match.end()
            yield format_html('<a href="?t={0}" data-at="{0}">{1}</a>', _seconds(match), match[0])
        else:
            address = _without_punctuation(url)
            end = match.start() + len(address)
            yield format_html('<a href="{0}" rel="nofollow ugc noopener">{0}</a>', address)
    yield text[end:]


def _without_punctuation(url: str) -> str:
    """Return an address without the punctuation of the sentence that it ends."""
    while True:
        closes = url.endswith(")") and url.count(")") > url.count("(")
        if not closes and not url.endswith(tuple(_PUNCTUATION)):
            return url
        url = url[:-1]


def _seconds(match: re.Match[str]) -> int:
    return int(match["hours"] or 0) * 3600 + int(match["minutes"]) * 60 + int(match["seconds"])
