"""Errors of the app."""

from __future__ import annotations

from madang.base.errors import MadangError


class InvalidQuery(MadangError):
    """Query that asks for too much."""
