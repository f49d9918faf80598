"""Errors of the app `webhooks`."""

from __future__ import annotations

from madang.base.errors import MadangError


class InvalidWebhook(MadangError):
    """An address or a choice of events that no webhook can have; the message says why."""


class NoSuchWebhook(MadangError):
    """The channel has no webhook with this number."""
