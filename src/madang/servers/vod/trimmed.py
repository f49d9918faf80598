"""A recording of which viewers get a part: its playlists, its downloads; reads on threads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from madang.recording.manifest import RecordedRendition, file_name
from madang.recording.trim import Cut, FileSpan, NothingLeft, Trim, cut, read_indexes
from madang.servers.vod.errors import NoSuchFile
from madang.servers.vod.reader import RenditionReader
from madang.servers.vod.recording import OpenFile, Recording, open_file
from madang.wire.fmp4.excerpt import head_of_excerpt
from madang.wire.fmp4.hybrid import HEAD, moov_offset
from madang.wire.fmp4.reader import LARGE_BOX_HEADER, MAX_MOOF, box_header


@dataclass(frozen=True, slots=True)
class Excerpt:
    """An ordinary MP4: `head`, and the bytes `begin` to `end` of `file`."""

    file: OpenFile
    head: bytes
    begin: int
    end: int

    @property
    def length(self) -> int:
        """Bytes of the whole."""
        return len(self.head) + self.end - self.begin


@dataclass(slots=True)
class TrimmedRecording:
    """What `trim` leaves of a recording, whose manifest was of `version`; `view` has the playlists
    of it."""

    trim: Trim
    version: tuple[int, int, int]
    cut: Cut
    view: Recording
    _heads: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, recording: Recording, trim: Trim) -> TrimmedRecording:
        """Read the indexes of a recording that has ended. Raises OSError, ParseError, and
        NoSuchFile where nothing is left."""
        folder, manifest, version = recording.folder, recording.manifest, recording.version
        indexes = read_indexes(manifest, lambda name: read_file(folder / name))
        try:
            found = cut(indexes, trim)
        except NothingLeft:
            raise NoSuchFile("Nothing is left of this video: all of it was cut away.") from None
        readers = {}
        for name, inside in found.renditions.items():
            readers[name] = RenditionReader(
                folder, name, manifest.target_duration, manifest.dated, manifest.first_number
            )
            readers[name].read_rows(
                (span.number, span.rows(indexes[name][span.number - 1])) for span in inside.files
            )
        renditions = tuple(
            _part_of(each, found.renditions[each.name].files, readers[each.name].average)
            for each in manifest.renditions
            if each.name in readers
        )
        view = Recording.of(folder, replace(manifest, renditions=renditions), readers)
        return cls(trim, version, found, view)

    def is_of(self, recording: Recording, trim: Trim) -> bool:
        """Return whether this is what `trim` leaves of the recording as it is now."""
        return (self.trim, self.version) == (trim, recording.version)

    def spans(self, rendition: str) -> tuple[FileSpan, ...]:
        """Return what is left of each file. Raises NoSuchFile."""
        if rendition not in self.cut.renditions:
            raise NoSuchFile("The recording has no such rendition.")
        return self.cut.renditions[rendition].files

    def span(self, rendition: str, number: int) -> FileSpan | None:
        """Return what is left of a file, None for nothing. Raises NoSuchFile."""
        self.spans(rendition)
        return self.cut.renditions[rendition].file(number)

    def excerpt(self, rendition: str) -> Excerpt:
        """Open the file of a rendition that has one here, and make the head. Raises OSError,
        ParseError and NoSuchFile."""
        (span,) = self.spans(rendition)
        file = open_file(self.view.folder / file_name(rendition, span.number), None)
        try:
            head = self._heads.get(rendition)
            if head is None:
                head = self._heads[rendition] = _head(file.descriptor, span)
        except BaseException:
            os.close(file.descriptor)
            raise
        return Excerpt(file, head, span.begin, span.end)

    @property
    def size(self) -> int:
        """Bytes of memory."""
        return self.view.size + sum(map(len, list(self._heads.values())))


def read_file(path: Path) -> bytes:
    """Return the content of a file; b"" where there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:  # the manifest is written before the file
        return b""


def _part_of(
    rendition: RecordedRendition, spans: tuple[FileSpan, ...], average: float
) -> RecordedRendition:
    """Return a rendition with those files that are left. The peak of the whole is one of the part,
    too."""
    files = tuple(rendition.files[span.number - 1] for span in spans)
    return replace(rendition, files=files, average_bitrate=round(average))


def _head(descriptor: int, span: FileSpan) -> bytes:
    head = os.pread(descriptor, len(HEAD), 0)
    init = os.pread(descriptor, span.init_end - span.init_begin, span.init_begin)
    return head_of_excerpt(
        init,
        _box(descriptor, moov_offset(head), os.fstat(descriptor).st_size),
        span.begin,
        span.end,
        _box(descriptor, span.last, MAX_MOOF),
    )


def _box(descriptor: int, offset: int, limit: int) -> bytes:
    """Return the box at `offset`, at most `limit` bytes of it. Raises OSError and ParseError."""
    _, size, _ = box_header(os.pread(descriptor, LARGE_BOX_HEADER, offset))
    size = min(size, limit)
    data = bytearray()
    while len(data) < size and (more := os.pread(descriptor, size - len(data), offset + len(data))):
        data += more
    return bytes(data)
