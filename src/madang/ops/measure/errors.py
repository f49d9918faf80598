"""What can go wrong while measuring."""

from __future__ import annotations

from madang.base.errors import MadangError


class MeasureFailed(MadangError):
    """A measurement could not be taken; nothing is guessed in its place."""
