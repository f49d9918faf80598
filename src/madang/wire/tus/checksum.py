"""Checksums of a request's content: Upload-Checksum of tus and Content-Digest (RFC 9530)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from madang.wire.tus.problems import Problem, UploadError
from madang.wire.tus.structured import Item, StructuredFieldError, parse_dictionary


class Hasher(Protocol):
    """A checksum in the making."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 of zlib, as four bytes, the highest first."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_HASHERS: Final[Mapping[str, Callable[[], Hasher]]] = {
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "crc32": _Crc32,
}

ALGORITHMS: Final = tuple(_HASHERS)
"""Names of algorithms in Upload-Checksum. tus requires sha1 alone and has no registry; its text
names md5 and crc32 too."""

_DIGESTS: Final = {"sha-512": "sha512", "sha-256": "sha256"}
"""Active algorithms of the registry of RFC 9530, strongest first."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """The checksum that a client expects of the content of one request."""

    algorithm: str
    digest: bytes


class Hashes:
    """Digests of one content by several algorithms, computed as it arrives."""

    __slots__ = ("_hashers",)

    def __init__(self, algorithms: Iterable[str]) -> None:
        self._hashers = {name: _HASHERS[name]() for name in algorithms}

    def update(self, data: bytes) -> None:
        """Take the next piece of the content."""
        for hasher in self._hashers.values():
            hasher.update(data)

    def digests(self) -> dict[str, bytes]:
        """Return the digest of all pieces by algorithm."""
        return {name: hasher.digest() for name, hasher in self._hashers.items()}


def parse_checksum(text: str) -> Checksum:
    """Return the value of Upload-Checksum. Raises UploadError, also for an unknown algorithm."""
    algorithm, _, encoded = text.strip(" \t").partition(" ")
    if algorithm not in _HASHERS:
        raise UploadError(
            Problem.INVALID,
            f"The checksum algorithm {algorithm[:32]!r} is not supported.",
            mend=f"Use one of {', '.join(ALGORITHMS)}.",
        )
    try:
        digest = base64.b64decode(encoded.strip(" "), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if not digest:
        words = "Upload-Checksum is the name of an algorithm, a space, and the checksum in base64."
        raise UploadError(Problem.INVALID, words)
    return Checksum(algorithm, digest)


def parse_content_digest(text: str) -> Checksum | None:
    """Return the strongest checksum of Content-Digest that is known here, None without one.

    Unknown algorithms and malformed fields are ignored (RFC 9530, section 2).
    """
    try:
        members = parse_dictionary(text)
    except StructuredFieldError:
        return None
    for name, algorithm in _DIGESTS.items():
        member = members.get(name)
        if isinstance(member, Item) and isinstance(member.value, bytes):
            return Checksum(algorithm, member.value)
    return None
