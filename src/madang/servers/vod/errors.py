"""Reasons for which a recording cannot be served."""

from __future__ import annotations

from typing import Final

from madang.base.errors import MadangError

NO_VIDEO: Final = "There is no video at this address."
"""Said of a video that does not exist and of one that may not be seen alike."""


class NoSuchRecording(MadangError):
    """There is no folder with this recording."""


class NoSuchFile(MadangError):
    """The recording does not have this rendition, or this file of it."""


class NothingYet(MadangError):
    """The recording has just begun: its first segment has not ended."""


class RecordingUnreadable(MadangError):
    """The folder of the recording is damaged, or its disk fails."""
