"""Generating, formatting and checking of stream keys, without a database.

A key is `ID-SECRET` in lower-case base32 (RFC 4648 section 6), because some encoders lower-case the
address they are given. The ID finds the key in the database; the secret is compared.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Final

ID_BYTES: Final = 5
"""40 bits: unique among the keys of one station."""
SECRET_BYTES: Final = 20
"""160 bits: unguessable, and a whole number of base32 digits."""

_PATTERN: Final = re.compile(r"[a-z2-7]{8}-[a-z2-7]{32}")
_UNKNOWN: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """A stream key in plain text. Never store or log it."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.key_id}-{self.secret}"

    def __repr__(self) -> str:
        return f"Key({self.key_id!r}, ...)"


def generate_key() -> Key:
    """Return a random key."""
    return Key(
        _base32(secrets.token_bytes(ID_BYTES)),
        _base32(secrets.token_bytes(SECRET_BYTES)),
    )


def parse(text: str) -> Key | None:
    """Parse a key; None for anything else."""
    lowered = text.strip().lower()
    if not _PATTERN.fullmatch(lowered):
        return None
    key_id, secret = lowered.split("-")
    return Key(key_id, secret)


def hash_secret(secret: str) -> str:
    """Return SHA-256 in hexadecimal, the stored form of a secret.

    A slow hash would add nothing to 160 random bits.
    """
    return hashlib.sha256(secret.encode("ascii")).hexdigest()


def matches(secret: str, stored: str | None) -> bool:
    """Compare `secret` with the hash `stored` in constant time.

    An unknown key (`stored` is None) takes as long as a wrong one.
    """
    same = hmac.compare_digest(hash_secret(secret), stored if stored is not None else _UNKNOWN)
    return same and stored is not None


def _base32(random: bytes) -> str:
    return base64.b32encode(random).decode("ascii").lower()
