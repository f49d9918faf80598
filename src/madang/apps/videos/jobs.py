"""Kinds of jobs about videos."""

from __future__ import annotations

from typing import Final

PREPARE: Final = "prepare-video"
"""Makes the first rendition of an upload; its argument is `upload`, the id of the file."""

TRANSCODE: Final = "transcode-video"
"""Makes the other renditions."""

STORYBOARD: Final = "draw-storyboard"
"""Draws the pictures of the seek bar."""
