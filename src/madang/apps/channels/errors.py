"""Errors of the app `channels`."""

from __future__ import annotations

from madang.base.errors import MadangError


class ChannelError(MadangError):
    """Root of the app's errors."""


class NoSuchChannel(ChannelError):
    """No channel has that slug."""


class SlugTaken(ChannelError):
    """Another channel has that slug."""


class UnfitChannel(ChannelError):
    """A slug, title or description does not follow the rules; the message says which."""


class KeyRefused(ChannelError):
    """A publisher showed no stream key that opens a channel; the message is for the encoder."""
