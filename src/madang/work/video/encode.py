"""Encoding of pictures for several renditions at once, in chunks that the next attempt finds."""

from __future__ import annotations

import os
import queue
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from madang.transcoding import arguments
from madang.transcoding.arguments import Input
from madang.transcoding.renditions import SEGMENT_SECONDS, Rendition
from madang.transcoding.source import VideoStream
from madang.wire.fmp4.describe import TrackDescription, describe
from madang.work.video.make import MISSING_PICTURES, MISSING_SHARE, MP4, Ffmpeg, Made
from madang.work.video.package import Fragment, PackagingFailed, read_fragments, read_init

CHUNK_SECONDS: Final = 60.0
"""Seconds of a chunk: what a crash costs at most."""

_EARLY: Final = SEGMENT_SECONDS / 2
"""Seconds by which a chunk may be shorter: it ends at a key frame."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of encoding: chunks, seconds of the file up to which they go, and pictures in
    them. `ended`: that is all."""

    chunks: int = 0
    seconds: float = 0.0
    pictures: int = 0
    ended: bool = False

    def as_fields(self) -> dict[str, Any]:
        """Return the fields of a checkpoint."""
        return asdict(self)

    def covers(self, pictures: int) -> bool:
        """Return whether as good as all of a number of pictures were encoded."""
        return self.pictures >= pictures * (1 - MISSING_SHARE) - MISSING_PICTURES


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk of a rendition that is whole. `seconds` is the time of the next picture, None at the
    end of the stream."""

    rendition: int
    number: int
    seconds: float | None
    pictures: int


@dataclass(slots=True)
class Encoder:
    """Encodes `picture` of `file`, whose first second is at `origin` in the results.

    `length` is that of the file in seconds; `report` is called, from any thread, with the share
    that is done, and with a checkpoint where there is one.
    """

    ffmpeg: Ffmpeg
    picture: VideoStream
    file: Input
    renditions: Sequence[Rendition]
    origin: float
    length: float
    report: Callable[[float, Mapping[str, Any] | None], None]
    chunk_seconds: float = CHUNK_SECONDS
    _events: queue.Queue[_Chunk | None] = field(default_factory=queue.Queue)
    _last: dict[int, _Chunk] = field(default_factory=dict)

    def run(self, done: Progress) -> Progress:
        """Encode what follows `done`, and return what there is then: all of it.

        Raises ParseError and PackagingFailed.
        """
        names = [each.name for each in self.renditions]
        if done.chunks and not all(self._kept(name, done.chunks - 1).exists() for name in names):
            done = Progress()
        if done.ended:
            return done
        reached = done
        pending: dict[int, list[_Chunk]] = {}

        def collect() -> None:
            nonlocal reached
            running = len(self.renditions)
            while running:
                chunk = self._events.get()
                if chunk is None:
                    running -= 1
                    continue
                same = pending.setdefault(chunk.number, [])
                same.append(chunk)
                if len(same) == len(self.renditions) and chunk.seconds is not None:
                    reached = self._keep(reached, pending.pop(chunk.number))

        def command(pipes: Sequence[int]) -> list[str]:
            outputs = list(zip(self.renditions, pipes, strict=True))
            return arguments.transcode(
                self.picture, self.file, outputs, begin=reached.seconds, origin=self.origin
            )

        readers = [
            partial(self._read, number, done.chunks) for number in range(len(self.renditions))
        ]
        ended = self.ffmpeg.run(command, (self.file.descriptor,), readers, collect)
        last = [each for chunks in pending.values() for each in chunks]
        if len(last) != len(self.renditions):
            raise PackagingFailed(f"ffmpeg stopped early: {ended.last_words}")
        if ended.returncode:
            raise PackagingFailed(f"ffmpeg failed: {ended.last_words}")
        return self._keep(reached, last)

    def finish(
        self,
        rendition: Rendition,
        done: Progress,
        sound: tuple[Path, float] | None,
        progress: Callable[[float], None],
    ) -> Made:
        """Return the file of a rendition, joined of its chunks and the sound of a file, of which
        the time of the first second is given. `progress` is called with the share that is done."""
        with ExitStack() as stack:
            encoded = _open(stack, self._stream(rendition, done.chunks))
            heard = None if sound is None else (_open(stack, sound[0]), sound[1])
            return self.ffmpeg.join(
                rendition, encoded, heard, done.pictures, lambda at: progress(self._share(at))
            )

    def _stream(self, rendition: Rendition, chunks: int) -> Path:
        """Return a file with all chunks of a rendition, as one stream."""
        joined = self.ffmpeg.task.folder / f"{rendition.name}.stream"
        with joined.open("wb") as target:
            for number in range(chunks):
                with self._kept(rendition.name, number).open("rb") as chunk:
                    if number:  # all begin with the same init segment
                        read_init(chunk)
                    shutil.copyfileobj(chunk, target, 1 << 20)
        return joined

    def _keep(self, done: Progress, chunks: Sequence[_Chunk]) -> Progress:
        """Let the next attempt find a chunk of all renditions."""
        pictures = {each.pictures for each in chunks}
        seconds = {each.seconds for each in chunks}
        if len(pictures) > 1 or len(seconds) > 1:
            raise PackagingFailed("The renditions do not have the same pictures.")
        (more,), (until,) = pictures, seconds
        at = self.length if until is None else until - self.origin
        reached = Progress(done.chunks + 1, at, done.pictures + more, until is None)
        task = self.ffmpeg.task

        def move() -> None:
            for each in self.renditions:
                self._draft(each.name, done.chunks).replace(self._kept(each.name, done.chunks))

        task.publish(move)
        # Behind it: a checkpoint never names a chunk that is not there.
        self.report(self._share(at), reached.as_fields())
        return reached

    def _read(self, rendition: int, first: int, pipe: IO[bytes]) -> None:
        try:
            self._write_chunks(rendition, first, pipe)
        finally:
            self._events.put(None)

    def _write_chunks(self, rendition: int, first: int, pipe: IO[bytes]) -> None:
        init = read_init(pipe)
        (track,) = describe(init)
        name = self.renditions[rendition].name
        writer = _ChunkWriter(self._draft(name, first), init)
        number, begin = first, 0.0
        try:
            for fragment in read_fragments(pipe):
                at = _shown(track, fragment)
                if not writer.pictures:
                    begin = at
                elif fragment.independent and at - begin > self.chunk_seconds - _EARLY:
                    writer.close()
                    self._events.put(_Chunk(rendition, number, at, writer.pictures))
                    number, begin = number + 1, at
                    writer = _ChunkWriter(self._draft(name, number), init)
                writer.write(fragment)
                self.report(self._share(at - self.origin), None)
        finally:
            writer.close()
        if writer.pictures:
            self._events.put(_Chunk(rendition, number, None, writer.pictures))

    def _share(self, seconds: float) -> float:
        return min(1.0, seconds / self.length) if self.length else 0.0

    def _draft(self, name: str, number: int) -> Path:
        return self.ffmpeg.task.folder / f"{name}.{number}"

    def _kept(self, name: str, number: int) -> Path:
        return self.ffmpeg.task.checkpoint_folder / f"{name}.{number}"


class _ChunkWriter:
    """The file of a chunk while it is written."""

    def __init__(self, path: Path, init: bytes) -> None:
        self.pictures = 0
        self._file = path.open("wb")
        self._file.write(init)

    def write(self, fragment: Fragment) -> None:
        """Append a fragment."""
        self._file.write(fragment.data)
        self.pictures += sum(len(run.sizes) for run in fragment.runs)

    def close(self) -> None:
        """Bring it to the disk."""
        if not self._file.closed:
            self._file.flush()
            os.fdatasync(self._file.fileno())
            self._file.close()


def _shown(track: TrackDescription, fragment: Fragment) -> float:
    """Return the time in seconds of the first picture."""
    run = fragment.runs[0]
    return (run.start + run.composition_offsets[0]) / track.timescale


def _open(stack: ExitStack, path: Path) -> Input:
    return Input(stack.enter_context(path.open("rb")).fileno(), MP4)
