"""Errors of the app `channels`."""

from __future__ import annotations

from madang.base.errors import MadangError


class ChannelError(MadangError):
    """Root of the app's errors."""


class NoSuchChannel(ChannelError):
    """No channel has the slug."""


class SlugTaken(ChannelError):
    """Slug of another channel."""


class InvalidChannel(ChannelError):
    """Slug, title or description against the rules, which the message names."""


class KeyRefused(ChannelError):
    """No valid stream key was presented; the message is for the encoder."""


class TooManyWrongKeys(KeyRefused):
    """Wrong stream key of an address that has shown many others."""
