"""WebVTT (W3C Recommendation "WebVTT", section 4): files are written and read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.model import Cue, SubtitleError
from madang.wire.subtitles.srt import parse_blocks
from madang.wire.subtitles.timing import ARROW

SIGNATURE: Final = "WEBVTT"

_SETTING: Final = re.compile(
    r"vertical:(?:rl|lr)|align:(?:start|center|end|left|right)"
    r"|line:(?:-?\d{1,3}|\d{1,3}(?:\.\d{1,3})?%)(?:,(?:start|center|end))?"
    r"|position:\d{1,3}(?:\.\d{1,3})?%(?:,(?:line-left|center|line-right))?"
    r"|size:\d{1,3}(?:\.\d{1,3})?%",
    re.ASCII,
)
_OTHER_BLOCKS: Final = ("NOTE", "STYLE", "REGION")


def timestamp(seconds: float) -> str:
    """Return a time as HH:MM:SS.mmm (section 4.1.1)."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{whole:02}.{milliseconds:03}"


def render(cues: Iterable[Cue]) -> str:
    """Return a file with these cues."""
    blocks = [
        f"{timestamp(cue.start)} {ARROW} {timestamp(cue.end)}{' ' * bool(cue.settings)}"
        f"{cue.settings}\n{cue.text}\n"
        for cue in cues
    ]
    return "\n".join([f"{SIGNATURE}\n", *blocks])


def parse_webvtt(lines: Sequence[str]) -> list[Cue]:
    """Return the cues of a WebVTT file. Styles, regions and notes go. Raises SubtitleError."""
    if not re.fullmatch(rf"{SIGNATURE}(?:[ \t].*)?", lines[0]):
        raise SubtitleError(_("A WebVTT file begins with WEBVTT."), 1)
    kept = list(lines)
    block = 0  # the index of the first line of a block; the header is one
    for at in range(len(lines) + 1):
        if at == len(lines) or not lines[at].strip():
            first = lines[block] if block < len(lines) else ""
            if block == 0 or first.startswith(_OTHER_BLOCKS):
                kept[block:at] = [""] * (at - block)
            block = at + 1
    if not any(each.strip() for each in kept):
        return []
    return parse_blocks(kept, 0, _settings, strict=True)


def _settings(text: str) -> str:
    return " ".join(each for each in text.split() if _SETTING.fullmatch(each))
