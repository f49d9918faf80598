"""Errors of mail."""

from madang.base.errors import MadangError


class MailRefused(MadangError):
    """The mail server cannot be reached, or does not take the message."""


class NoMail(MadangError):
    """The settings name no mail server."""
