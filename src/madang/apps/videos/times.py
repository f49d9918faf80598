"""Times within a video, as people write them."""

from __future__ import annotations

import re
from typing import Final

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.videos.errors import InvalidVideo

_TIME: Final = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,8}(?:[.,]\d{1,6})?)", re.ASCII)
_LIMIT: Final = 60


def parse_time(text: str) -> float | None:
    """Return the seconds of `1:02:03`, `62:03`, `3723` or `3723.5`; None for an empty text.

    Raises InvalidVideo.
    """
    written = text.strip()
    if not written:
        return None
    match = _TIME.fullmatch(written)
    if match is not None:
        hours, minutes = match[1], match[2]
        seconds = float(match[3].replace(",", "."))
        fits = minutes is None or seconds < _LIMIT
        if fits and (hours is None or int(minutes) < _LIMIT):
            return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
    raise InvalidVideo(
        format_lazy(_("“{text}” is no time: write it like 1:02:03."), text=written[:40])
    )


def exact_clock(seconds: float) -> str:
    """Return a time as `1:02:03` or `1:02:03.4`, so that `parse_time` reads the same again."""
    tenths = max(round(seconds * 10), 0)
    whole, rest = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{second:02}" + (f".{rest}" if rest else "")
