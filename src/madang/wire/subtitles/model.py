"""Cues of a text track. All times are in seconds from the beginning of the media."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cue:
    """A text and when it is shown. `text` is cue text of WebVTT (W3C WebVTT, section 4.2.2): `&`
    and `<` are escaped where they are no markup, and it has no empty lines."""

    start: float
    end: float
    text: str
