"""Files of renditions, made of fragmented MP4 that ffmpeg writes to a pipe."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from madang.base.errors import MadangError, ParseError
from madang.infra.disk import Disk
from madang.recording.file import Append, RecordingFile
from madang.recording.index import Kind, Record
from madang.recording.manifest import file_name, index_name
from madang.recording.totals import Totals
from madang.transcoding.renditions import SEGMENT_SECONDS
from madang.wire.fmp4.describe import TrackDescription, describe
from madang.wire.fmp4.reader import BOX_HEADER, LARGE_BOX_HEADER, SampleRun, box_header, read_moof

MAX_BOX: Final = 1 << 30
"""Bytes of a box of media: ten seconds at 800 Mbit/s."""

LONGEST_SEGMENT: Final = 30.0
"""Seconds of a segment that is copied: a player that seeks loads all of it."""

_SHORT: Final = 0.25
"""Seconds by which a segment may be shorter than SEGMENT_SECONDS: pictures rarely are at its end
exactly."""


class PackagingFailed(MadangError):
    """Output of ffmpeg that cannot be served, or was not to be expected of the file."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A moof with its mdat, and the samples that it describes."""

    data: bytes
    runs: list[SampleRun]

    @property
    def independent(self) -> bool:
        """Return whether decoding of the first track can begin here."""
        return 0 in self.runs[0].sync


@dataclass(frozen=True, slots=True)
class PackagedTrack:
    """A track of a file: its samples, and the seconds at which it begins and ends."""

    video: bool
    samples: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Packaged:
    """A file that is whole. `codecs` for playlists; `begin` is the time in seconds that players of
    the file call zero; `segment` is the longest one, in seconds."""

    codecs: str
    tracks: tuple[PackagedTrack, ...]
    totals: Totals
    segment: float

    @property
    def length(self) -> float:
        """Seconds of the picture, or of the sound where there is none."""
        track = self.picture or self.tracks[0]
        return track.end - track.begin

    @property
    def begin(self) -> float:
        """Time of what is first shown or heard."""
        return min(each.begin for each in self.tracks)

    @property
    def end(self) -> float:
        """Time at which the last track ends."""
        return max(each.end for each in self.tracks)

    @property
    def frame_rate(self) -> float | None:
        """Pictures per second, on average; None for sound alone."""
        track = self.picture
        if track is None or track.end <= track.begin:
            return None
        return round(track.samples / (track.end - track.begin), 3)

    @property
    def picture(self) -> PackagedTrack | None:
        """The track of pictures."""
        return next((each for each in self.tracks if each.video), None)

    @property
    def sound(self) -> PackagedTrack | None:
        """The track of sound."""
        return next((each for each in self.tracks if not each.video), None)


def read_init(pipe: IO[bytes]) -> bytes:
    """Return the init segment at the beginning of a stream. Raises ParseError."""
    init = b""
    while box := _read_box(pipe):
        init += box
        if box[4:8] == b"moov":
            return init
    raise ParseError("There is no init segment.")


def read_fragments(pipe: IO[bytes]) -> Iterator[Fragment]:
    """Yield the fragments that follow. Raises ParseError where one is cut off."""
    moof = b""
    while box := _read_box(pipe):
        match box[4:8]:
            case b"moof":
                moof = box
            case b"mdat" if moof:
                yield Fragment(moof + box, read_moof(moof))
                moof = b""
    if moof:
        raise ParseError("The last fragment is cut off.")


def _read_box(pipe: IO[bytes]) -> bytes:
    head = pipe.read(BOX_HEADER)
    if not head:
        return b""
    if head[:4] == b"\0\0\0\1":
        head += pipe.read(LARGE_BOX_HEADER - BOX_HEADER)
    _, size, _ = box_header(head)
    if size > MAX_BOX:
        raise ParseError(f"A box of {size} bytes is too large.")
    box = head + pipe.read(size - len(head))
    if len(box) < size:
        raise ParseError("A box is cut off.")
    return box


@dataclass(slots=True)
class _Segments:
    """Numbers of segments, which begin at key frames."""

    number: int = 0
    part: int = -1
    seconds: float = 0.0
    longest: float = 0.0

    def place(self, duration: float, *, independent: bool) -> tuple[int, int]:
        """Return the numbers of segment and part of the next fragment."""
        if self.part >= 0 and independent and self.seconds >= SEGMENT_SECONDS - _SHORT:
            self.number, self.part, self.seconds = self.number + 1, -1, 0.0
        self.part += 1
        self.seconds += duration
        self.longest = max(self.longest, self.seconds)
        return self.number, self.part


@dataclass(slots=True)
class Packager:
    """Writes file number 1 of the rendition `name` below `folder`.

    `progress` is called with the seconds that there are. Segments longer than `longest` seconds are
    an error.
    """

    folder: Path
    name: str
    progress: Callable[[float], None] = lambda _seconds: None
    longest: float = math.inf
    _segments: _Segments = field(default_factory=_Segments)
    _end: float = 0.0

    def write(self, pipe: IO[bytes]) -> Packaged:
        """Write all of a stream and finish the file; everything is on the disk then.

        Raises ParseError, PackagingFailed and OSError.
        """
        paths = [self.folder / name(self.name, 1) for name in (file_name, index_name)]
        paths[0].parent.mkdir(parents=True)
        init = read_init(pipe)
        tracks = describe(init)
        file = RecordingFile(init)
        totals = Totals(SEGMENT_SECONDS)
        with paths[0].open("xb") as data, paths[1].open("xb") as index:
            _write(data, index, file.begin())
            for fragment in read_fragments(pipe):
                record = self._record(tracks, fragment, totals.duration)
                append = file.append(fragment.data, record)
                _write(data, index, append)
                totals.add(append.record)
                self.progress(totals.duration)
            index.write(file.synced(file.end))
            for each in file.finish():
                data.seek(each.offset)
                data.write(each.data)
                data.flush()
                os.fdatasync(data.fileno())
            index.flush()
            os.fdatasync(index.fileno())
        Disk().sync_folder(paths[0].parent)
        found = tuple(_packaged(each, file) for each in tracks if each.track_id in file.tables)
        # Pictures first: some players look no further.
        named = sorted(tracks, key=lambda each: not each.video)
        codecs = ",".join(each.codec_string for each in named if each.track_id in file.tables)
        return Packaged(codecs, found, totals, self._segments.longest)

    def _record(self, tracks: list[TrackDescription], fragment: Fragment, at: float) -> Record:
        """Return the record of a fragment, `at` seconds after the first."""
        lead = next((each for each in tracks if each.video), tracks[0])
        scales = {each.track_id: each.timescale for each in tracks}
        runs = [each for each in fragment.runs if each.track_id == lead.track_id]
        end = max(_end_shown(each) / scales[each.track_id] for each in runs or fragment.runs)
        if runs:
            duration = sum(sum(each.durations) for each in runs) / lead.timescale
        else:  # sound goes on behind the last picture
            duration = max(0.0, end - self._end)
        self._end = max(self._end, end)
        independent = not runs or 0 in runs[0].sync
        number, part = self._segments.place(duration, independent=independent and bool(runs))
        if self._segments.longest > self.longest:
            raise PackagingFailed("The key frames are too far apart to seek to.")
        return Record(
            Kind.PART, msn=number, index=part, duration=duration, date=at, independent=independent
        )


def _end_shown(run: SampleRun) -> int:
    """Return the time in ticks until which the samples of a run are shown."""
    at, end = run.start, 0
    for duration, offset in zip(run.durations, run.composition_offsets, strict=True):
        end = max(end, at + offset + duration)
        at += duration
    return end


def _packaged(track: TrackDescription, file: RecordingFile) -> PackagedTrack:
    table = file.tables[track.track_id]
    begin, end = table.first_shown / track.timescale, table.end_shown / track.timescale
    return PackagedTrack(track.video, table.samples, begin, end)


def _write(data: IO[bytes], index: IO[bytes], append: Append) -> None:
    """Write data and then its record, as readers expect it."""
    data.write(append.data)
    data.flush()
    index.write(append.index)
