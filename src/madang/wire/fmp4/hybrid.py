"""Hybrid MP4: fragmented while it grows, an ordinary MP4 when it is finished, never copied.

Layout: ftyp; a free box of 16 bytes; the init segment and the fragments as viewers get them. To
finish it, moov with sample tables is appended and the free box becomes the header of one mdat that
holds everything up to there, so that byte ranges of init and fragments stay valid for HLS.

The header changes in two steps. Its large size is written into the payload of the free box, which
nothing reads. Then its first eight bytes are overwritten, of which every mixture of old and new
bytes is valid: a free box or mdat that ends after 16 bytes or before the moov.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from madang.base.errors import ParseError
from madang.wire.fmp4.boxes import box

_FTYP = box(b"ftyp", b"isom", bytes(4), b"isomiso6mp41")
_SMALL = struct.pack(">I4s", 16, b"free")
_LARGE = struct.pack(">I4s", 1, b"mdat")

PLACEHOLDER: Final = len(_FTYP)
"""Offset of the free box."""

HEAD: Final = _FTYP + _SMALL + bytes(8)
"""The file before its init segment."""

EXCERPT_EXTRA: Final = len(HEAD)
"""Bytes of the head of an excerpt without its moov."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes for the file at `offset`; all that was written before is on the disk by then."""

    offset: int
    data: bytes


def finishing_writes(end: int, moov: bytes) -> list[Write]:
    """Return the writes that finish a file whose fragments end at `end`, in order."""
    return [
        Write(end, moov),
        Write(PLACEHOLDER + 8, struct.pack(">Q", end - PLACEHOLDER)),
        Write(PLACEHOLDER, _LARGE),
    ]


def excerpt_head(moov: bytes, size: int) -> bytes:
    """Return the beginning of an ordinary MP4 of which `size` bytes of media data follow."""
    return _FTYP + moov + _LARGE + struct.pack(">Q", EXCERPT_EXTRA - len(_FTYP) + size)


def moov_offset(head: bytes) -> int:
    """Return the offset of the moov of a finished file that begins with `head`. Raises ParseError
    for one that is not finished."""
    if len(head) < len(HEAD) or not is_finished(head):
        raise ParseError("The file was not finished.")
    (size,) = struct.unpack_from(">Q", head, PLACEHOLDER + 8)
    return PLACEHOLDER + int(size)


def is_finished(head: bytes) -> bool:
    """Return whether a file that begins with `head` was finished. `head` has len(HEAD) bytes."""
    return head[PLACEHOLDER : PLACEHOLDER + 8] == _LARGE
