"""The frame that every part of an ISO BMFF file has (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">I4s")
_FULL_HEADER = struct.Struct(">I4sI")


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of the four-character `kind` with these parts as its payload."""
    size = _HEADER.size + sum(map(len, parts))
    return b"".join((_HEADER.pack(size, kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with a version and flags ahead of its payload."""
    size = _FULL_HEADER.size + sum(map(len, parts))
    return b"".join((_FULL_HEADER.pack(size, kind, version << 24 | flags), *parts))
