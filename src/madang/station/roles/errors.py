"""Errors of a role that does not start."""

from __future__ import annotations

from madang.base.errors import MadangError
from madang.station.config.fields import Address


class CannotStart(MadangError):
    """The station cannot take traffic."""


def address_unusable(key: str, bind: Address, error: OSError) -> CannotStart:
    """Return the error for the address `bind` of the setting `key`, which cannot be listened at."""
    return CannotStart(
        f"Cannot listen at {bind}: {error.strerror or error}.",
        mend=f"End what uses it, or choose another address with the setting {key}.",
    )
