"""Text tracks: subtitles and what else is shown at a time of a video. Sans-IO."""

from madang.wire.subtitles.model import Cue
from madang.wire.subtitles.webvtt import render, timestamp

__all__ = ["Cue", "render", "timestamp"]
