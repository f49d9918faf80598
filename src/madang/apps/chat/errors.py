"""Errors of the app `chat`; those of the rules of chat are in `madang.chat.errors`."""

from __future__ import annotations

from madang.base.errors import MadangError


class InvalidChat(MadangError):
    """A setting, an emote or another detail of a chat does not follow the rules."""


class DecoderBusy(MadangError):
    """Other uploads are being decoded; the same request may succeed later."""
