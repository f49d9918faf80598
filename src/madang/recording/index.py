"""The index of a recording: one record for each part in the file, appended behind it.

The file holds media data alone; the index holds what playlists need besides. Records have a fixed
size and a checksum of their own, so that one that was written by half is found and left out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from madang.base.errors import ParseError

MAGIC: Final = b"madang-index-1\r\n"
"""First bytes of an index."""

_RECORD = struct.Struct(">BBHIQIIdd")
_CHECKSUM = struct.Struct(">I")
RECORD_SIZE: Final = _RECORD.size + _CHECKSUM.size

_INDEPENDENT = 1
_DISCONTINUITY = 2


class Kind(IntEnum):
    """Kinds of records. PART: a part in the file. GAP: one that is missing. SYNCED: all data up to
    `offset` is on the disk. INIT: the init segment."""

    INIT = 1
    PART = 2
    GAP = 3
    SYNCED = 4


_KINDS: Final = frozenset(int(kind) for kind in Kind)


@dataclass(frozen=True, slots=True)
class Record:
    """A record; what a kind has no use for is 0.

    `offset` and `size` are in bytes of the file, `crc` is the CRC-32 of the data. `msn` and `index`
    are the number of the segment and of the part in it. `duration` is in seconds, `date` in seconds
    since 1970. `discontinuity` is true for the first part behind one.
    """

    kind: Kind
    offset: int = 0
    size: int = 0
    crc: int = 0
    msn: int = 0
    index: int = 0
    duration: float = 0.0
    date: float = 0.0
    independent: bool = False
    discontinuity: bool = False

    @property
    def end(self) -> int:
        """Offset behind the data."""
        return self.offset + self.size


def encode(record: Record) -> bytes:
    """Return a record as RECORD_SIZE bytes. Raises struct.error for numbers that do not fit."""
    flags = _INDEPENDENT * record.independent | _DISCONTINUITY * record.discontinuity
    data = _RECORD.pack(
        record.kind,
        flags,
        record.index,
        record.msn & 0xFFFFFFFF,
        record.offset,
        record.size,
        record.crc,
        record.duration,
        record.date,
    )
    return data + _CHECKSUM.pack(zlib.crc32(data))


Row = tuple[int, int, int, int, int, int, int, float, float]
"""A record as it is stored: kind, flags, index, msn, offset, size, crc, duration, date."""


def rows(data: bytes | memoryview) -> Iterator[Row]:
    """Yield the rows of `data`, which has no MAGIC, up to the first that is damaged or cut off."""
    view = memoryview(data)
    for at in range(0, len(view) - RECORD_SIZE + 1, RECORD_SIZE):
        (checksum,) = _CHECKSUM.unpack_from(view, at + _RECORD.size)
        row: Row = _RECORD.unpack_from(view, at)
        if zlib.crc32(view[at : at + _RECORD.size]) != checksum or row[0] not in _KINDS:
            return
        yield row


def is_discontinuity(row: Row) -> bool:
    """Return whether a row is that of the first part behind a discontinuity."""
    return bool(row[1] & _DISCONTINUITY)


def is_independent(row: Row) -> bool:
    """Return whether a row is that of a part that begins with a key frame."""
    return bool(row[1] & _INDEPENDENT)


def require_magic(data: bytes) -> None:
    """Raise ParseError unless an index begins with `data`, or `data` with all of MAGIC."""
    if not data.startswith(MAGIC) and not MAGIC.startswith(data):
        raise ParseError("The file is no index of a recording.")


def decode(data: bytes) -> list[Record]:
    """Return the records of an index, up to the first that is damaged or cut off.

    Raises ParseError where `data` is no index.
    """
    if not data.startswith(MAGIC):
        raise ParseError("The file is no index of a recording.")
    return [
        Record(
            *(Kind(kind), offset, size, crc, msn, index, duration, date),
            bool(flags & _INDEPENDENT),
            bool(flags & _DISCONTINUITY),
        )
        for kind, flags, index, msn, offset, size, crc, duration, date in rows(
            memoryview(data)[len(MAGIC) :]
        )
    ]
