"""Lines with the times of a cue, as SRT and WebVTT have them."""

from __future__ import annotations

import re
from typing import Final

from madang.base.text import Text as _
from madang.wire.subtitles.model import MAX_SECONDS, SubtitleError

ARROW: Final = "-->"

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})(?:[.,:](\d{1,3}))?"
_TIMES: Final = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s+(\S.*))?\s*", re.ASCII)


def parse_times(text: str, line: int) -> tuple[float, float, str]:
    """Return begin and end of a cue and what follows them. Raises SubtitleError."""
    match = _TIMES.fullmatch(text) if len(text) < 500 else None
    if match is None:
        raise SubtitleError(
            _("There are no two times, such as 00:01:02,500 --> 00:01:04,000."), line
        )
    start, end = _seconds(match.groups()[:4]), _seconds(match.groups()[4:8])
    if end < start:
        raise SubtitleError(_("The text ends before it begins."), line)
    if end > MAX_SECONDS:
        raise SubtitleError(_("The time is later than any video is long."), line)
    return start, end, match[9] or ""


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (each or "0" for each in parts)
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds) + int(fraction.ljust(3, "0")) / 1000
