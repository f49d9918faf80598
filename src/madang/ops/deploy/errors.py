"""Errors of deployments."""

from __future__ import annotations

from madang.base.errors import MadangError


class StationFileError(MadangError):
    """station.toml is missing or has an invalid value."""


class DeployError(MadangError):
    """The servers could not be inspected or changed."""
