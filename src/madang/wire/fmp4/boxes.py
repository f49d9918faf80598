"""Box structure of ISO BMFF (ISO/IEC 14496-12, 4.2)."""

from __future__ import annotations

import struct

_HEADER = struct.Struct(">I4s")
_FULL_HEADER = struct.Struct(">I4sI")


def box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box of the four-character `kind` with these parts as payload."""
    size = _HEADER.size + sum(map(len, parts))
    return b"".join((_HEADER.pack(size, kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """Return a box with version and flags before its payload."""
    size = _FULL_HEADER.size + sum(map(len, parts))
    return b"".join((_FULL_HEADER.pack(size, kind, version << 24 | flags), *parts))
