"""The job `draw-storyboard`: pictures of a video that is ready, for its seek bar.

Some key frames alone are read and decoded, so that an hour costs seconds whatever its size.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Final

from madang.apps.jobs.errors import JobFailed
from madang.apps.videos import services, trims
from madang.apps.videos.jobs import STORYBOARD
from madang.base.errors import ParseError
from madang.infra.disk import Disk
from madang.media.track import AccessUnit
from madang.recording import index, storyboard
from madang.recording.index import Kind, Record
from madang.recording.manifest import POSTER, Manifest, RecordedFile, RecordedRendition, index_name
from madang.recording.storyboard import SHEET, KeyFrame
from madang.recording.trim import NothingLeft, Trim, cut, read_indexes
from madang.transcoding import arguments
from madang.transcoding.arguments import POSTER_WIDTH, Input
from madang.wire.fmp4.describe import TrackDescription, describe
from madang.wire.fmp4.fragments import TrackRun, fragment
from madang.wire.fmp4.reader import BOX_HEADER, box_header, read_moof
from madang.work.video.children import Attempt
from madang.work.video.folder import VideoFolder
from madang.work.video.make import MP4, Ffmpeg
from madang.work.video.package import PackagingFailed
from madang.work.video.prepare import POSTER_SHARE
from madang.work.video.probe import GONE

AT_ONCE: Final = 4 * SHEET
"""Tiles for which ffmpeg is started once: their key frames are in a file of the attempt."""

MOST_MOOF: Final = 4 << 20
MOST_PICTURE: Final = 32 << 20
MOST_SHEET: Final = 2 << 20
"""Bytes of a description of a fragment, of a key frame, and of a sheet."""

_JPEG_END, _JPEG_BEGIN = b"\xff\xd9", b"\xff\xd8"


@dataclass(frozen=True, slots=True)
class DrawStoryboard:
    """Handler of these jobs. `storage` is the folder of the storage, `program` the path of
    ffmpeg."""

    storage: Path
    program: str
    kind: str = STORYBOARD

    def run(self, task: Attempt) -> None:
        """Draw the storyboard of a video; one without pictures has none. Raises JobFailed."""
        folder = VideoFolder(self.storage, task.subject)
        done = False
        while not done:  # again where it was trimmed otherwise meanwhile
            trim = task.publish(partial(trims.of, folder.video_id))
            draft = self._try(task, folder, trim)
            done = draft is None or task.publish(partial(_publish, folder, draft, trim))
        for other in folder.path.glob(f"{storyboard.STORYBOARD}-*"):
            if other.name != storyboard.folder_name(trim):
                shutil.rmtree(other, ignore_errors=True)

    def _try(self, task: Attempt, folder: VideoFolder, trim: Trim | None) -> Path | None:
        try:
            return self._draw(task, folder, trim)
        except NothingLeft:
            return None
        except FileNotFoundError:
            raise JobFailed(GONE, retry=False) from None
        except (PackagingFailed, ParseError) as error:
            raise JobFailed(str(error)) from error

    def _draw(self, task: Attempt, folder: VideoFolder, trim: Trim | None) -> Path | None:
        """Return a folder with the sheets and their list, of what is left of a trimmed video with a
        poster; None where there are no pictures."""
        manifest = folder.manifest()
        rendition = _shown(manifest.renditions)
        if rendition is None:
            return None
        count = len(rendition.files)
        indexes = [_records(folder.path, rendition.name, number + 1) for number in range(count)]
        choice = storyboard.choose(_left(indexes, folder, manifest, rendition.name, trim))
        if not choice.frames:
            return None
        tiles = [_tile(each) for each in rendition.files if each.width]
        tile = max(width for width, _ in tiles), max(height for _, height in tiles)
        draft = task.folder / storyboard.STORYBOARD
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        ffmpeg, disk = Ffmpeg(task, self.program), Disk()
        places: list[tuple[int, int, float]] = []
        drawn = 0
        for number, frames in _groups(choice.frames):
            file = rendition.files[number - 1]
            source = folder.path / rendition.name / f"{number}.mp4"
            if not file.width:
                continue
            with source.open("rb") as data, (task.folder / "frames").open("w+b") as target:
                found = _copy(data.fileno(), indexes[number - 1][0], frames, target)
                target.flush()
                made = _sheets(ffmpeg, target.fileno(), file, tile, len(found)) if found else []
            for each in made:
                drawn += 1
                disk.replace(draft / f"{drawn}.jpg", each)
            first = drawn - len(made) + 1
            places += [
                (first + at // SHEET, at % SHEET, frame.at) for at, frame in enumerate(found)
            ]
            task.report(frames[-1].at / choice.length if choice.length else 0.0)
        if not places:
            return None
        if trim is not None:
            frame = choice.frames[int(POSTER_SHARE * len(choice.frames))]
            file = rendition.files[frame.file - 1]
            source = folder.path / rendition.name / f"{frame.file}.mp4"
            with source.open("rb") as data, (task.folder / "frames").open("w+b") as target:
                if _copy(data.fileno(), indexes[frame.file - 1][0], [frame], target):
                    target.flush()
                    disk.replace(draft / POSTER, _poster(ffmpeg, target.fileno(), file))
        text = storyboard.render_list(places, choice.length, tile)
        disk.replace(draft / storyboard.LIST, text.encode())
        return draft


def _publish(folder: VideoFolder, draft: Path, trim: Trim | None) -> bool:
    """Move the pictures to their place; return False where the video is trimmed otherwise."""
    if trims.of(folder.video_id) != trim:
        return False
    if trim is None:
        noted = services.note_storyboard(folder.video_id)
    else:
        noted = trims.note_pictures(folder.video_id, trim)
    if noted:
        folder.replace(storyboard.folder_name(trim), draft)
    return True


def _left(
    indexes: list[list[Record]],
    folder: VideoFolder,
    manifest: Manifest,
    rendition: str,
    trim: Trim | None,
) -> list[list[Record]]:
    """Return the records that a trim leaves of each file of a rendition. Raises NothingLeft."""
    if trim is None:
        return indexes
    found = cut(read_indexes(manifest, lambda name: (folder.path / name).read_bytes()), trim)
    if rendition not in found.renditions:
        raise NothingLeft("Nothing is left of the rendition.")
    inside = found.renditions[rendition]
    spans = [inside.file(number + 1) for number in range(len(indexes))]
    return [
        records[span.first : span.stop] if span is not None else []
        for records, span in zip(indexes, spans, strict=True)
    ]


def _poster(ffmpeg: Ffmpeg, frames: int, file: RecordedFile) -> bytes:
    """Return the first of the key frames of a file, for the poster. Raises PackagingFailed."""
    size = storyboard.fitted(file.width, file.height, (POSTER_WIDTH, POSTER_WIDTH))
    (poster,) = _drawn(ffmpeg, frames, file, size=size, tile=size, grid=(1, 1), count=1)
    return poster


def _shown(renditions: Sequence[RecordedRendition]) -> RecordedRendition | None:
    """Return the rendition whose playlist players begin with; None for sound alone."""
    for each in renditions:
        if not each.incomplete and any(file.width for file in each.files):
            return each
    return None


def _records(folder: Path, rendition: str, number: int) -> list[Record]:
    return index.decode((folder / index_name(rendition, number)).read_bytes())


def _tile(file: RecordedFile) -> tuple[int, int]:
    return storyboard.fitted(file.width, file.height)


def _groups(frames: Sequence[KeyFrame]) -> Iterator[tuple[int, list[KeyFrame]]]:
    """Yield numbers of files with key frames of them, AT_ONCE at most."""
    for number, found in groupby(frames, key=lambda each: each.file):
        same = list(found)
        for begin in range(0, len(same), AT_ONCE):
            yield number, same[begin : begin + AT_ONCE]


def _copy(
    source: int, init: Record, frames: Sequence[KeyFrame], target: IO[bytes]
) -> list[KeyFrame]:
    """Write a file that has a key frame for each second; return those that could be read.

    Raises ParseError where there is no picture to be expected.
    """
    if init.kind != Kind.INIT:
        raise ParseError("The index does not begin with the init segment.")
    data = os.pread(source, init.size, init.offset)
    track = next((each for each in describe(data) if each.video), None)
    if track is None:
        raise ParseError("The file has no picture.")
    target.write(data)
    found: list[KeyFrame] = []
    for each in frames:
        picture = _picture(source, each, track)
        if picture is not None:
            at = len(found) * track.timescale
            unit = AccessUnit(at, at, key=True, data=picture)
            run = TrackRun(track.track_id, (unit,), at + track.timescale)
            target.write(fragment(len(found) + 1, (run,)))
            found.append(each)
    return found


def _picture(source: int, frame: KeyFrame, track: TrackDescription) -> bytes | None:
    """Return the first key frame of a fragment."""
    _, size, _ = box_header(os.pread(source, BOX_HEADER, frame.offset))
    if size > min(frame.size, MOST_MOOF):
        return None
    for run in read_moof(os.pread(source, size, frame.offset)):
        if run.track_id == track.track_id and run.sync:
            first = run.sync[0]
            offset = frame.offset + run.data_offset + sum(run.sizes[:first])
            picture = os.pread(source, min(run.sizes[first], MOST_PICTURE), offset)
            return picture if len(picture) == run.sizes[first] else None
    return None


def _sheets(
    ffmpeg: Ffmpeg, frames: int, file: RecordedFile, tile: tuple[int, int], count: int
) -> list[bytes]:
    """Return sheets with the key frames of a file. Raises PackagingFailed."""
    grid = storyboard.COLUMNS, storyboard.ROWS
    wanted = storyboard.sheets(count)
    return _drawn(ffmpeg, frames, file, size=_tile(file), tile=tile, grid=grid, count=wanted)


def _drawn(
    ffmpeg: Ffmpeg,
    frames: int,
    file: RecordedFile,
    *,
    size: tuple[int, int],
    tile: tuple[int, int],
    grid: tuple[int, int],
    count: int,
) -> list[bytes]:
    found: list[bytes] = []

    def read(pipe: IO[bytes]) -> None:
        found.extend(_split(pipe.read(count * MOST_SHEET)))

    ended = ffmpeg.run(
        lambda pipes: arguments.sheets(
            Input(frames, MP4),
            pipes[0],
            size=size,
            tile=tile,
            grid=grid,
            count=count,
            video_range=file.video_range,
        ),
        (frames,),
        (read,),
    )
    if len(found) != count:
        raise PackagingFailed(f"{len(found)} sheets of {count} were drawn: {ended.last_words}")
    return found


def _split(data: bytes) -> list[bytes]:
    """Return the pictures of a stream of JPEG files."""
    if not data.endswith(_JPEG_END):
        return []
    between = _JPEG_END + _JPEG_BEGIN
    parts = data.split(between)
    last = len(parts) - 1
    return [
        (b"" if at == 0 else _JPEG_BEGIN) + part + (b"" if at == last else _JPEG_END)
        for at, part in enumerate(parts)
    ]
