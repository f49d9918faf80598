"""The playlist of a recording: it grows while the show is on, and ends with it.

A show of 24 hours has 43,200 segments. Text is made once per segment, and compressed text is
continued where it ended, so that a version costs what is new in it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from madang.recording.index import Kind, Row, is_discontinuity
from madang.wire.hls import ByteRange, MediaPlaylist, Segment, render_media, segment_lines

SKIP_TARGETS: Final = 6
"""Target durations before the end that delta updates list (RFC 8216bis, section 4.4.3.8)."""

_COMPRESSION: Final = 6
_COMPRESSOR: Final = 268_000
"""Bytes of memory of a compressor (zlib's technical notes: 256 KiB and a few)."""

_GZIP: Final = zlib.MAX_WBITS | 16


@dataclass(slots=True)
class SegmentReader:
    """Makes segments of the records of one file, whose address in playlists is `uri`.

    Parts of one segment that follow one another in the file are one entry; a missing part is an
    entry of its own. Entries have another query by turns: of adjoining ranges of one address ffmpeg
    9.0 reads the first alone. Durations are in seconds. `end` is the offset behind the last part,
    `first_msn` the number of the first segment, -1 before it begins.
    """

    uri: str
    end: int = 0
    first_msn: int = -1
    _map: ByteRange | None = None
    _open: bool = False
    _count: int = 0
    _msn: int = -1
    _gap: bool = False
    _discontinuity: bool = False
    _offset: int = 0
    _date: float = 0.0
    _duration: float = 0.0

    def read(self, found: Iterable[Row]) -> Iterator[Segment]:
        """Take rows of the index, and yield the segments that they end."""
        for row in found:
            kind, _, _, msn, offset, size, _, duration, date = row
            if kind == Kind.SYNCED:
                continue
            if kind == Kind.INIT:
                self._map = ByteRange(offset, size)
                self.end = offset + size
                continue
            gap = kind == Kind.GAP
            if self._open and msn == self._msn and gap == self._gap and (gap or offset == self.end):
                self._duration += duration
            else:
                yield from self.finish()
                if self.first_msn < 0:
                    self.first_msn = msn
                self._open, self._msn, self._gap = True, msn, gap
                self._discontinuity = is_discontinuity(row)
                self._offset, self._date, self._duration = offset, date, duration
            self.end = offset + size

    def finish(self) -> list[Segment]:
        """Return the segment that is still open; no more parts of it come."""
        if not self._open:
            return []
        self._open = False
        self._count += 1
        segment = Segment(
            uri=f"{self.uri}?{self._count % 2}",
            duration=self._duration,
            program_date_time=datetime.fromtimestamp(self._date, UTC),
            discontinuity=self._discontinuity,
            map_uri=self.uri,
            byte_range=None if self._gap else ByteRange(self._offset, self.end - self._offset),
            map_range=self._map,
            gap=self._gap,
        )
        return [segment]


@dataclass(slots=True)
class RecordingPlaylist:
    """An EVENT playlist as text, plain and compressed (RFC 8216bis, section 4.4.3.5).

    `target_duration` is in seconds and holds for every segment; `media_sequence` is the number of
    the first. `checksum` is the CRC-32 of the whole text without its end.
    """

    target_duration: int
    media_sequence: int = 0
    ended: bool = False
    segments: int = 0
    duration: float = 0.0
    checksum: int = 0
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
            media_sequence=self.media_sequence,
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
    def size(self) -> int:
        """Bytes of memory of the text, plain and compressed, and of what continues it."""
        return len(self._text) + len(self._packed) + _COMPRESSOR

    @property
    def _end(self) -> bytes:
        return b"#EXT-X-ENDLIST\n" if self.ended else b""

    def _append(self, data: bytes) -> None:
        self._text += data
        self.checksum = zlib.crc32(data, self.checksum)
        self._packed += self._compressor.compress(data)
