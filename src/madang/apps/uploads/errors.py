"""Errors of the app `uploads`."""

from __future__ import annotations

from madang.base.errors import MadangError


class UploadRefused(MadangError):
    """Root of the app's errors: nobody may send this file now."""


class UnknownChannel(UploadRefused):
    """The upload names no channel of the station, or none at all."""


class NotAllowed(UploadRefused):
    """The channel is another person's."""


class ImportFailed(UploadRefused):
    """A file of this machine cannot be imported now."""


class QuotaExceeded(UploadRefused):
    """The person, or the station, has no room left for it."""


class UnknownVideo(UploadRefused):
    """The upload is to replace the file of a video that the person does not have."""
