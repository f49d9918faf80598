"""Errors of measurements."""

from __future__ import annotations

from madang.base.errors import MadangError


class MeasureFailed(MadangError):
    """A measurement failed; no value is guessed in its place."""
