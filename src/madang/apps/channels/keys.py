"""Generating, formatting and checking of stream keys, without a database.

A key is an ID followed by a secret, in lower-case base32 (RFC 4648 section 6), because some
encoders lower-case the address they are given and others drop signs. The ID finds the key in the
database; the secret is compared. Keys of earlier versions were shown as `ID-SECRET`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

ID_BYTES: Final = 5
"""40 bits: unique among the keys of one station."""
SECRET_BYTES: Final = 20
"""160 bits: unguessable, and a whole number of base32 digits."""

MAX_TEXT: Final = 1_024
"""Characters of a text that are searched for a key; a pasted address has some hundred."""
MAX_KEYS: Final = 8
"""Keys in the texts of one encoder that are checked: bounds the cost of one attempt."""

_GROUPS: Final = re.compile(r"(?<![a-z2-7])([a-z2-7]{8})[ -]*([a-z2-7]{32})(?![a-z2-7])")
_DASHES: Final = frozenset({"Pd", "Pc"})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Mn"})
_UNKNOWN: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """A stream key in plain text. Never store or log it."""

    key_id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.key_id}{self.secret}"

    def __repr__(self) -> str:
        return f"Key({self.key_id!r}, ...)"


def generate_key() -> Key:
    """Return a random key."""
    return Key(
        _base32(secrets.token_bytes(ID_BYTES)),
        _base32(secrets.token_bytes(SECRET_BYTES)),
    )


def parse(text: str) -> Key | None:
    """Parse a text that is one key, in any shape that people paste; None for anything else."""
    found = find([text])
    return found[0] if len(found) == 1 else None


def find(texts: Iterable[str]) -> list[Key]:
    """Return the keys inside `texts` (names and addresses that an encoder was given), in their
    order, at most `MAX_KEYS`.

    Dashes of any kind, blanks and invisible characters do not matter, nor do the signs around a
    key; full-width and upper-case letters are read as the plain ones.
    """
    found: dict[Key, None] = {}
    for text in texts:
        plain = _plain(text[:MAX_TEXT])
        # A key that is broken over lines or typed in groups fills its text alone.
        for key_id, secret in _GROUPS.findall(plain) or _GROUPS.findall(re.sub("[ -]", "", plain)):
            found.setdefault(Key(key_id, secret))
    return list(found)[:MAX_KEYS]


def _plain(text: str) -> str:
    """Return `text` in lower case, with plain hyphens and blanks, without invisible characters."""
    plain = []
    for character in unicodedata.normalize("NFKC", text).lower():
        category = unicodedata.category(character)
        if category in _DASHES or character == "\N{MINUS SIGN}":
            plain.append("-")
        elif character.isspace():
            plain.append(" ")
        elif category not in _INVISIBLE:
            plain.append(character)
    return "".join(plain)


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
