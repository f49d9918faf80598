"""Text tracks: subtitles and what else is shown at a time of a video. Sans-IO."""

from madang.wire.subtitles.model import MAX_BYTES, Cue, SubtitleError, Track, excerpt
from madang.wire.subtitles.parse import parse
from madang.wire.subtitles.webvtt import render, timestamp

__all__ = ["MAX_BYTES", "Cue", "SubtitleError", "Track", "excerpt", "parse", "render", "timestamp"]
