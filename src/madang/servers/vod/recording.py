"""A recording's folder: its manifest, its renditions, and its files."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from madang.live.rendition import SOURCE
from madang.recording.manifest import MANIFEST, Manifest, RecordedRendition, decode
from madang.recording.viewers import finishing_until
from madang.servers.vod.errors import NO_VIDEO, NoSuchFile, NoSuchRecording, NothingYet
from madang.servers.vod.reader import PlaylistText, RenditionReader
from madang.wire.hls import MultivariantPlaylist, Variant, render_multivariant

GROWING_SECONDS: Final = 0.3
"""Seconds between two readings of what grows: a segment has one or more."""

ENDED_SECONDS: Final = 5.0
"""The same of a manifest that has its end."""

HEAD_ROOM: Final = 1.1
"""Factor for an estimated BANDWIDTH, which must not be exceeded: the next segment may be larger
than any so far."""

MISSING_TARGETS: Final = 3
"""Target durations that a rendition may lack at the beginning: a transcoder starts a segment late.
One that lacks more is not offered."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file, of which `length` bytes may be served. `modified` is in seconds since 1970;
    `growing` is true while more of it comes."""

    descriptor: int
    length: int
    modified: float
    growing: bool


@dataclass(slots=True)
class Recording:
    """A recording; `load` comes first. Methods that read the disk run on threads, one at a
    time."""

    folder: Path
    watched_at: float = 0.0
    """Seconds since 1970 at the last note that somebody reads it."""
    _manifest: Manifest | None = None
    version: tuple[int, int, int] = (0, 0, 0)
    """Another one whenever the manifest was replaced."""
    _loaded_at: float = float("-inf")
    _readers: dict[str, RenditionReader] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, manifest: Manifest, readers: dict[str, RenditionReader]) -> Recording:
        """Return a recording of which all has been read; `load` is not for it."""
        return cls(folder, _manifest=manifest, _readers=readers)

    # --- disk ---

    def load(self, now: float) -> None:
        """Read the manifest if it was replaced. Raises OSError, ParseError and NoSuchRecording."""
        path = self.folder / MANIFEST
        try:
            stat = path.stat()
            version = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if version != self.version:
                manifest = decode(path.read_bytes())
                if self._manifest is None or manifest.first_number != self.manifest.first_number:
                    self._readers.clear()  # other files have replaced those before
                for each in manifest.renditions:
                    if each.name not in self._readers:
                        self._readers[each.name] = RenditionReader(
                            self.folder,
                            each.name,
                            manifest.target_duration,
                            manifest.dated,
                            manifest.first_number,
                        )
                self._manifest, self.version = manifest, version
                self.watched_at = self.folder.stat().st_mtime
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchRecording(NO_VIDEO) from None
        self._loaded_at = now

    def read(self, rendition: str, now: float) -> None:
        """Read what is new of a rendition. Raises OSError and ParseError."""
        reader = self._readers[rendition]
        count = len(self._rendition(rendition).files)
        reader.read(count, ended=self.ended_at is not None)
        reader.read_at = now

    def note_viewer(self, at: float) -> None:
        """Note on the disk that somebody reads the recording, `at` in seconds since 1970."""
        with contextlib.suppress(OSError):  # viewers are not to notice
            os.utime(self.folder, (at, at))

    # --- memory ---

    @property
    def manifest(self) -> Manifest:
        """The manifest."""
        assert self._manifest is not None
        return self._manifest

    @property
    def ended_at(self) -> float | None:
        """Seconds since 1970 at the end, None while the recording grows."""
        return self.manifest.ended_at

    @property
    def finishing_until(self) -> float:
        """Seconds since 1970 until which viewers of a show that is not kept, or whose owner is
        asked, may see its end; 0 for other recordings."""
        manifest = self.manifest
        if not (manifest.temporary or manifest.ask):
            return 0.0
        if manifest.ended_at is None:
            return math.inf
        length = manifest.ended_at - manifest.began_at
        return finishing_until(manifest.ended_at, length, self.watched_at)

    @property
    def size(self) -> int:
        """Bytes of memory of the playlists."""
        return sum(reader.size for reader in list(self._readers.values()))

    def load_due(self, now: float) -> bool:
        """Return whether the manifest has to be looked at again."""
        pause = GROWING_SECONDS if self.ended_at is None else ENDED_SECONDS
        return now >= self._loaded_at + pause

    def read_due(self, rendition: str, now: float) -> bool:
        """Return whether there may be more of a rendition than was read.

        Renditions end together: when the manifest has its end, none is shown without.
        """
        reader = self._readers[rendition]
        if self.ended_at is not None:
            return not reader.ended
        return now >= reader.read_at + GROWING_SECONDS

    def reader(self, rendition: str) -> RenditionReader:
        """Return the reader of a rendition."""
        return self._readers[rendition]

    def with_segments(self, rendition: str) -> RenditionReader:
        """Return the reader of a rendition that has a playlist. Raises NothingYet, NoSuchFile."""
        reader = self._readers[rendition]
        if reader.playlist is not None:
            return reader
        if self.ended_at is None:
            raise NothingYet("The recording is starting. Try again in a second.")
        raise NoSuchFile("There is nothing in this rendition.")

    def require(self, rendition: str, number: int) -> None:
        """Raise NoSuchFile unless the rendition has this file."""
        if number > len(self._rendition(rendition).files):
            raise NoSuchFile("The recording has no such file.")

    def number_of(self, address: int) -> int:
        """Return the number of the file that has this number in addresses. Raises NoSuchFile."""
        number = address - self.manifest.first_number + 1
        if number < 1:
            raise NoSuchFile("The file of this video was replaced: load the page again.")
        return number

    def files(self, rendition: str) -> int:
        """Return the number of files of a rendition. Raises NoSuchFile."""
        return len(self._rendition(rendition).files)

    def is_sound(self, rendition: str) -> bool:
        """Return whether a rendition is sound alone. Raises NoSuchFile."""
        return not any(file.width for file in self._rendition(rendition).files)

    def unmeasured(self) -> list[str]:
        """Return the renditions whose indexes say what the manifest does not yet."""
        return [
            each.name
            for each in self.manifest.renditions
            if each.files and (self.ended_at is None or not each.bitrate)
        ]

    def multivariant(self) -> PlaylistText:
        """Return the multivariant playlist. Raises NothingYet."""
        variants = tuple(map(self._variant, self._offered()))
        if not variants:
            raise NothingYet("The recording is starting. Try again in a second.")
        body = render_multivariant(MultivariantPlaylist(variants)).encode()
        return PlaylistText(body, f'"{zlib.crc32(body):08x}"', self.ended_at is not None)

    def _offered(self) -> Iterator[RecordedRendition]:
        """Yield the renditions that a player can use from the beginning, and that are kept."""
        unmeasured = self.unmeasured()
        began = [
            reader.began_at
            for reader in list(self._readers.values())
            if reader.playlist is not None
        ]
        limit = min(began, default=0.0) + MISSING_TARGETS * self.manifest.target_duration
        for each in self.manifest.renditions:
            reader = self._readers[each.name]
            begun = reader.playlist is not None and reader.began_at <= limit
            if each.incomplete or (reader.has_gaps and each.name != SOURCE):
                continue
            if each.files and (begun or each.name not in unmeasured):
                yield each

    def _variant(self, rendition: RecordedRendition) -> Variant:
        reader = self._readers[rendition.name]
        files = rendition.files
        codecs = dict.fromkeys(each for file in files for each in file.codecs.split(",") if each)
        largest = max(files, key=lambda file: file.width * file.height)
        peak = rendition.bitrate or round((reader.peak or reader.average) * HEAD_ROOM)
        average = rendition.average_bitrate or round(reader.average)
        rates = [file.frame_rate for file in files if file.frame_rate]
        return Variant(
            uri=f"{rendition.name}/media.m3u8",
            bandwidth=max(1, peak),
            average_bandwidth=max(1, average) if average else None,
            codecs=",".join(codecs),
            resolution=(largest.width, largest.height) if largest.width else None,
            frame_rate=max(rates, default=None),
            video_range=largest.video_range,
        )

    def _rendition(self, name: str) -> RecordedRendition:
        for each in self.manifest.renditions:
            if each.name == name:
                return each
        raise NoSuchFile("The recording has no such rendition.")


def open_file(path: Path, end: int | None) -> OpenFile:
    """Open a file, of which bytes up to `end` may be served; None for all of a finished one.

    Raises OSError, and NoSuchFile where there is none.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise NoSuchFile("The recording has no such file.") from None
    try:
        stat = os.fstat(descriptor)
    except OSError:
        os.close(descriptor)
        raise
    if end is not None and stat.st_size < end:
        log.error("%s has %d bytes, its index says %d", path, stat.st_size, end)
    length = stat.st_size if end is None else min(end, stat.st_size)
    return OpenFile(descriptor, length, stat.st_mtime, end is not None)
