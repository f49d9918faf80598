"""One file of a recording while it grows: where each part goes, and what finishes the file."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from madang.recording.index import MAGIC, Kind, Record, encode
from madang.recording.repair import Read, Repaired, read_tables
from madang.wire.fmp4 import TrackTables, add_fragment, movie
from madang.wire.fmp4.hybrid import HEAD, Write, finishing_writes


@dataclass(frozen=True, slots=True)
class Append:
    """Data for the end of the file, and then `index` for the end of its index."""

    data: bytes
    index: bytes
    record: Record


@dataclass(slots=True)
class RecordingFile:
    """State of a file. The caller writes what the methods return, in order, and nothing else.

    `init` is its init segment, `end` the offset behind its last part.
    """

    init: bytes
    end: int = 0
    _tables: dict[int, TrackTables] = field(default_factory=dict)

    def begin(self) -> Append:
        """Return the beginning of a new file and of its index."""
        offset = len(HEAD)
        record = Record(Kind.INIT, offset, len(self.init), zlib.crc32(self.init))
        self.end = record.end
        return Append(HEAD + self.init, MAGIC + encode(record), record)

    @classmethod
    def resume(cls, repaired: Repaired, read: Read) -> RecordingFile:
        """Return the state of a file that was repaired. Raises ParseError."""
        return cls(repaired.init, repaired.end, read_tables(read, repaired.records))

    def append(self, data: bytes, record: Record) -> Append:
        """Add a part; `record` has all but its place. Raises ParseError where it is no fragment."""
        add_fragment(self._tables, data, self.end)
        placed = replace(
            record, kind=Kind.PART, offset=self.end, size=len(data), crc=zlib.crc32(data)
        )
        self.end = placed.end
        return Append(data, encode(placed), placed)

    def gap(self, record: Record) -> Append:
        """Note that a part is missing."""
        missing = replace(record, kind=Kind.GAP, offset=self.end, size=0)
        return Append(b"", encode(missing), missing)

    def synced(self, end: int) -> bytes:
        """Return the record for the index that says that all data up to `end` is on the disk."""
        return encode(Record(Kind.SYNCED, end))

    @property
    def tables(self) -> Mapping[int, TrackTables]:
        """Sample tables of the parts, by track ID."""
        return self._tables

    @property
    def finishing_size(self) -> int:
        """Bytes by which the file grows when it is finished, or a few more."""
        return len(self.init) + sum(tables.size for tables in self._tables.values())

    def finish(self) -> list[Write]:
        """Return the writes that make an ordinary MP4 of the file, with a sync after each.

        Raises ParseError where it has no samples.
        """
        return finishing_writes(self.end, movie(self.init, self._tables))
