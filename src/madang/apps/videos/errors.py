"""Errors of the app `videos`."""

from __future__ import annotations

from madang.base.errors import MadangError


class VideoError(MadangError):
    """Root of the app's errors."""


class NoSuchVideo(VideoError):
    """No video has the id, or the account may not see it."""


class InvalidVideo(VideoError):
    """Title, description or visibility against the rules, which the message names."""


class UnfitState(VideoError):
    """The video is in a state that does not allow the change."""


class NotBegun(VideoError):
    """A recording ends that has never begun: call `begin_recording` first."""


class NotYourVideo(VideoError):
    """The account sees the video, and may not change it."""


class InvalidClip(VideoError):
    """A clip that cannot be made of these times; the message says why."""


class ClipsRefused(VideoError):
    """The channel allows the person no clips, or no more for the moment."""


class InvalidSubtitles(VideoError):
    """A file that is no text track, or subtitles against the rules, which the message names."""


class NoSuchSubtitles(VideoError):
    """The video has no subtitles with the id."""


class InvalidPoster(VideoError):
    """A file that cannot be a poster; the message says why."""
