"""The settings in force in this process.

Django builds its own settings when their module is first imported, which takes no argument: this
is where it finds the station's.
"""

from __future__ import annotations

from typing import Final

from madang.base.errors import MadangError
from madang.station.config.settings import Settings, load

COMMAND_CONNECTIONS: Final = 2
"""Connections to PostgreSQL that a command may hold; it does one thing after the other."""

_active: Settings | None = None
_connections = COMMAND_CONNECTIONS


class SettingsConflict(MadangError):
    """Other settings are in force: Django cannot be set up twice in one process."""


def activate(settings: Settings, connections: int = COMMAND_CONNECTIONS) -> None:
    """Make `settings` the ones in force, with at most `connections` to PostgreSQL.

    Raises AlreadyInForce.
    """
    global _active, _connections  # noqa: PLW0603  # Django's settings are global, so these are too
    if _active is not None and _active != settings:
        raise SettingsConflict("This process runs with other settings already.")
    if _active is None:
        _connections = connections
    _active = settings


def active() -> Settings:
    """Return the settings in force; those of the environment where a tool (mypy) set none."""
    return _active or load()


def connections() -> int:
    """Return the limit of connections to PostgreSQL of this process."""
    return _connections
