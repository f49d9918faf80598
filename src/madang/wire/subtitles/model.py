"""Cues of text tracks, and the limits of the files that they come from. All times are in seconds
from the beginning of the media."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from madang.base.errors import ParseError
from madang.base.text import Text
from madang.base.text import Text as _

MAX_BYTES: Final = 1_000_000
"""Bytes of a file: a film of three hours has 200 KB."""

MAX_CUES: Final = 20_000
MAX_CUE_CHARS: Final = 2_000
MAX_SECONDS: Final = 360_000.0
"""Latest time of a cue: 100 hours."""


class SubtitleError(ParseError):
    """A file that is no text track, or a broken one. `line` counts from 1; 0 for the whole.
    `text` is the message."""

    def __init__(self, reason: Text, line: int = 0) -> None:
        self.text = _("Line {line}: {reason}", line=line, reason=reason) if line else reason
        self.line = line
        super().__init__(self.text)


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown. `text` is cue text of WebVTT (W3C WebVTT, section 4.2.2): `&`
    and `<` are escaped where they are no markup, and it has no empty lines. `settings` say where it
    is shown (section 4.2.1)."""

    start: float
    end: float
    text: str
    settings: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """The cues of one language, by the code that the file has for it; "" where it has none."""

    cues: tuple[Cue, ...]
    language: str = ""


def excerpt(cues: Iterable[Cue], start: float, end: float) -> Iterator[Cue]:
    """Yield what is shown between two times, with times from `start` on."""
    for cue in cues:
        first, last = max(cue.start, start), min(cue.end, end)
        if first < last:
            yield replace(cue, start=first - start, end=last - start)
