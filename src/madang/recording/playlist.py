"""The playlist of a recording: it grows while the show is on, and ends with it.

A show of 24 hours has 43,200 segments. Text is made once per segment, and compressed text is
continued where it ended, so that a version costs what is new in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from madang.recording.index import Kind, Record
from madang.wire.hls import ByteRange, MediaPlaylist, Segment, render_media, segment_lines

SKIP_TARGETS: Final = 6
"""Target durations before the end that delta updates list (RFC 8216bis, section 4.4.3.8)."""

_COMPRESSION: Final = 6
_GZIP: Final = zlib.MAX_WBITS | 16


@dataclass(slots=True)
class SegmentReader:
    """Makes segments of the records of one file, whose address in playlists is `uri`.

    Parts of one segment that follow one another in the file are one entry; a missing part is an
    entry of its own. Durations are in seconds.
    """

    uri: str
    _map: ByteRange | None = None
    _open: Segment | None = None
    _msn: int = -1

    def add(self, record: Record) -> list[Segment]:
        """Take a record, and return the segments that it ends."""
        match record.kind:
            case Kind.INIT:
                self._map = ByteRange(record.offset, record.size)
            case Kind.PART | Kind.GAP:
                return self._part(record)
            case Kind.SYNCED:
                pass
        return []

    def end(self) -> list[Segment]:
        """Return the segment that is still open; no more parts of it come."""
        ended, self._open = self._open, None
        return [ended] if ended is not None else []

    def _part(self, record: Record) -> list[Segment]:
        gap = record.kind is Kind.GAP
        known = self._open
        if known is not None and record.msn == self._msn and known.gap == gap:
            duration = known.duration + record.duration
            if known.byte_range is None:
                self._open = replace(known, duration=duration)
                return []
            if known.byte_range.offset + known.byte_range.length == record.offset:
                span = ByteRange(known.byte_range.offset, known.byte_range.length + record.size)
                self._open = replace(known, duration=duration, byte_range=span)
                return []
        ended = self.end()
        self._msn = record.msn
        self._open = Segment(
            uri=self.uri,
            duration=record.duration,
            program_date_time=datetime.fromtimestamp(record.date, UTC),
            discontinuity=record.discontinuity,
            map_uri=self.uri,
            byte_range=None if gap else ByteRange(record.offset, record.size),
            map_range=self._map,
            gap=gap,
        )
        return ended


@dataclass(slots=True)
class RecordingPlaylist:
    """An EVENT playlist as text, plain and compressed (RFC 8216bis, section 4.4.3.5).

    `target_duration` is in seconds and holds for every segment.
    """

    target_duration: int
    ended: bool = False
    segments: int = 0
    duration: float = 0.0
    _text: bytearray = field(default_factory=bytearray)
    _packed: bytearray = field(default_factory=bytearray)
    _recent: list[tuple[Segment, bytes]] = field(default_factory=list)
    _last: Segment | None = None
    _head: bytes = b""
    _compressor: zlib._Compress = field(
        default_factory=lambda: zlib.compressobj(_COMPRESSION, zlib.DEFLATED, _GZIP)
    )

    def __post_init__(self) -> None:
        head = MediaPlaylist(
            self.target_duration,
            can_skip_until=float(SKIP_TARGETS * self.target_duration),
            playlist_type="EVENT",
        )
        self._head = render_media(head).encode()
        self._append(self._head)

    def add(self, segments: Iterable[Segment]) -> None:
        """Add segments behind those that are there."""
        for segment in segments:
            data = "".join(f"{line}\n" for line in segment_lines(segment, self._last)).encode()
            self._append(data)
            self._last = segment
            self.segments += 1
            self.duration += segment.duration
            self._recent.append((segment, data))
        boundary = SKIP_TARGETS * self.target_duration
        behind = 0.0
        for index in range(len(self._recent) - 1, -1, -1):
            if behind > boundary:
                del self._recent[: index + 1]
                break
            behind += self._recent[index][0].duration

    def body(self) -> bytes:
        """Return the whole playlist."""
        return bytes(self._text) + self._end

    def gzip(self) -> bytes:
        """Return the whole playlist in gzip format (RFC 1952)."""
        rest = self._compressor.copy()
        return bytes(self._packed) + rest.compress(self._end) + rest.flush()

    def delta(self) -> bytes:
        """Return a delta update, or the whole where nothing can be skipped."""
        skipped = self.segments - len(self._recent)
        if not skipped or self.ended:
            return self.body()
        skip = f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n".encode()
        return b"".join((self._head, skip, *(data for _, data in self._recent)))

    @property
    def _end(self) -> bytes:
        return b"#EXT-X-ENDLIST\n" if self.ended else b""

    def _append(self, data: bytes) -> None:
        self._text += data
        self._packed += self._compressor.compress(data)
