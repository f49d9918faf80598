"""Why a role of the station does not start."""

from __future__ import annotations

from madang.base.errors import MadangError
from madang.station.config.fields import Address


class CannotStart(MadangError):
    """The station cannot take traffic."""


def taken(key: str, bind: Address, error: OSError) -> CannotStart:
    """The address `bind` of the setting `key` cannot be listened at."""
    return CannotStart(
        f"Cannot listen at {bind}: {error.strerror or error}.",
        mend=f"End what uses it, or choose another address with the setting {key}.",
    )
