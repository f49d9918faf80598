"""What can go wrong between an operator and the servers."""

from __future__ import annotations

from madang.base.errors import MadangError


class StationFileError(MadangError):
    """station.toml is missing, or a value in it is not what was expected."""


class DeployError(MadangError):
    """The servers could not be looked at or changed."""
