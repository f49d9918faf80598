"""Rendering of WebVTT (W3C Recommendation "WebVTT", section 4)."""

from __future__ import annotations

from collections.abc import Iterable

from madang.wire.subtitles.model import Cue


def timestamp(seconds: float) -> str:
    """Return a time as HH:MM:SS.mmm (section 4.1.1)."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{whole:02}.{milliseconds:03}"


def render(cues: Iterable[Cue]) -> str:
    """Return a file with these cues."""
    blocks = [f"{timestamp(cue.start)} --> {timestamp(cue.end)}\n{cue.text}\n" for cue in cues]
    return "\n".join(["WEBVTT\n", *blocks])
