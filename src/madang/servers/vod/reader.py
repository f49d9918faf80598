"""Reading of a rendition's index files as they grow; runs on threads, one at a time."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from madang.recording.index import MAGIC, RECORD_SIZE, Row, require_magic, rows
from madang.recording.manifest import file_name, index_name
from madang.recording.playlist import RecordingPlaylist, SegmentReader
from madang.wire.hls import Segment

CHUNK: Final = 4096 * RECORD_SIZE
"""Bytes read at once of an index."""

SHORT: Final = 0.5
"""Share of the target duration below which a segment says nothing of the peak bit rate (RFC
8216bis, section 4.1)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a playlist: a delta update or the whole, compressed or not."""

    delta: bool = False
    gzip: bool = False


@dataclass(frozen=True, slots=True)
class PlaylistText:
    """A playlist as it is sent. `ended`: it does not change any more."""

    body: bytes
    etag: str
    ended: bool


@dataclass(slots=True)
class IndexTail:
    """An index file, and how much of it has been read."""

    path: Path
    segments: SegmentReader
    ended: bool = False
    _offset: int = 0

    def read(self) -> Iterator[Segment]:
        """Yield the segments that whole records end which have come since. Raises OSError, and
        ParseError where the file is no index."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # the manifest is written before the file
            return
        try:
            if not self._offset:
                begin = os.pread(descriptor, len(MAGIC), 0)
                require_magic(begin)
                if len(begin) < len(MAGIC):
                    return
                self._offset = len(MAGIC)
            taken = CHUNK
            while taken == CHUNK:
                before = self._offset
                yield from self.segments.read(self._taken(os.pread(descriptor, CHUNK, before)))
                taken = self._offset - before
        finally:
            os.close(descriptor)

    def _taken(self, data: bytes) -> Iterator[Row]:
        for row in rows(data):
            self._offset += RECORD_SIZE
            yield row


@dataclass(slots=True)
class RenditionReader:
    """The playlist of a rendition in the folder of its recording.

    `read_at` is the time of the last reading. Sizes in bytes, durations in seconds, `peak` in bits
    per second.
    """

    folder: Path
    name: str
    target_duration: int
    dated: bool = True
    first_number: int = 1
    read_at: float = float("-inf")
    ended: bool = False
    playlist: RecordingPlaylist | None = None
    peak: float = 0.0
    began_at: float = 0.0
    has_gaps: bool = False
    _map_uri: str | None = None
    _bytes: int = 0
    _seconds: float = 0.0
    _files: list[IndexTail] = field(default_factory=list)
    _texts: dict[Form, PlaylistText] = field(default_factory=dict)

    def read(self, count: int, *, ended: bool) -> None:
        """Read what is new in the indexes of `count` files; `ended`: nothing follows.

        Raises OSError and ParseError.
        """
        for number in range(1, count + 1):
            if number > len(self._files):
                path = self.folder / index_name(self.name, number)
                self._files.append(IndexTail(path, self._segments(number)))
            file = self._files[number - 1]
            if not file.ended:
                self._add(file.segments, file.read())
                if ended or number < count:
                    self._add(file.segments, file.segments.finish())
                    file.ended = True
        if ended and not self.ended:
            self.ended = True
            self._texts.clear()
            if self.playlist is not None:
                self.playlist.ended = True

    def read_rows(self, files: Iterable[tuple[int, Iterable[Row]]]) -> None:
        """Take rows of files by their numbers; nothing follows. Raises ParseError."""
        for number, found in files:
            segments = self._segments(number)
            self._add(segments, segments.read(found))
            self._add(segments, segments.finish())
        self.ended = True
        if self.playlist is not None:
            self.playlist.ended = True

    def end_of(self, number: int) -> int:
        """Return the bytes of a file that may be served; 0 where there is nothing yet."""
        return self._files[number - 1].segments.end if number <= len(self._files) else 0

    def known_text(self, form: Form) -> PlaylistText | None:
        """Return the playlist in a form in which it has been asked for already."""
        return self._texts.get(form)

    def text(self, form: Form) -> PlaylistText:
        """Return the playlist, which is not None, in a form."""
        text = self._texts.get(form)
        if text is None:
            text = self._texts[form] = self._render(form)
        return text

    @property
    def size(self) -> int:
        """Bytes of memory of the playlist."""
        texts = list(self._texts.values())  # a thread may be adding one
        return sum(len(text.body) for text in texts) + (self.playlist.size if self.playlist else 0)

    @property
    def average(self) -> float:
        """Bits per second of all that is there."""
        return 8 * self._bytes / self._seconds if self._seconds else 0.0

    @property
    def duration(self) -> float:
        """Duration of the playlist."""
        return self.playlist.duration if self.playlist is not None else 0.0

    def _segments(self, number: int) -> SegmentReader:
        address = file_name(self.name, self.first_number + number - 1)
        return SegmentReader(address.rpartition("/")[2])

    def _render(self, form: Form) -> PlaylistText:
        playlist = self.playlist
        assert playlist is not None
        if not form.delta:
            body = playlist.gzip() if form.gzip else playlist.body()
        else:
            body = gzip.compress(playlist.delta(), mtime=0) if form.gzip else playlist.delta()
        # Weak, as it stands for the plain and the compressed form (RFC 9110, section 8.8.1).
        etag = f'W/"{playlist.checksum:08x}-{playlist.segments:x}{"e" * self.ended}"'
        return PlaylistText(body, etag, self.ended)

    def _add(self, reader: SegmentReader, segments: Iterable[Segment]) -> None:
        for segment in segments:
            if self.playlist is None:
                self.playlist = RecordingPlaylist(self.target_duration, reader.first_msn)
                assert segment.program_date_time is not None
                self.began_at = segment.program_date_time.timestamp()
            elif segment.map_uri != self._map_uri:
                # Another file has another EXT-X-MAP, which begins with a discontinuity.
                segment = replace(segment, discontinuity=True)  # noqa: PLW2901
            self._map_uri = segment.map_uri
            if not self.dated:
                segment = replace(segment, program_date_time=None)  # noqa: PLW2901
            self.playlist.add([segment])
            self.has_gaps |= segment.gap
            self._measure(segment)
            self._texts.clear()

    def _measure(self, segment: Segment) -> None:
        if segment.byte_range is None:
            return
        self._bytes += segment.byte_range.length
        self._seconds += segment.duration
        if segment.duration >= SHORT * self.target_duration:
            self.peak = max(self.peak, 8 * segment.byte_range.length / segment.duration)
