"""Ids of people in chats: accounts, guests, and the addresses that guests come from.

An account is `u` and its key. A guest is `g`, a salted hash of the address, and one of the random
id that the browser keeps for the address; the first two alone are all guests of that address. So
every process, and every stored message, tells who shares an address without knowing it.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection
from typing import Final

_ADDRESS_DIGITS: Final = 16
"""Hexadecimal: 64 bits."""

_DEVICE_DIGITS: Final = 7
"""Base32: 35 bits, to tell some thousands apart."""

_ADDRESS_LENGTH: Final = 1 + _ADDRESS_DIGITS


def guest(salt: bytes, address: str, device: str) -> str:
    """Return the id of a guest; `device` is empty for a program that sends none."""
    place = hmac.digest(salt, address.encode(), "sha256").hex()[:_ADDRESS_DIGITS]
    digest = hmac.digest(salt, f"{address} {device}".encode(), "sha256")
    return f"g{place}{base64.b32encode(digest).decode()[:_DEVICE_DIGITS].lower()}"


def is_address(person: str) -> bool:
    """Return whether an id stands for all guests of an address."""
    return person.startswith("g") and len(person) == _ADDRESS_LENGTH


def address_of(person: str) -> str:
    """Return the id of a guest's address, empty for an account."""
    return person[:_ADDRESS_LENGTH] if person.startswith("g") else ""


def covers(people: Collection[str], person: str) -> bool:
    """Return whether a person, or the address of a guest, is among `people`."""
    return person in people or address_of(person) in people
