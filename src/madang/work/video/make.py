"""Files of renditions: packaged as they are, or joined of what was encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Final

from madang.live.rendition import SOURCE
from madang.recording.manifest import RecordedFile, RecordedRendition, file_name
from madang.transcoding import arguments
from madang.transcoding.arguments import Input
from madang.transcoding.renditions import Rendition
from madang.transcoding.source import AudioStream, Source, TextStream, VideoStream
from madang.work.video.children import Attempt, Ended, confined, run
from madang.work.video.package import LONGEST_SEGMENT, Packaged, Packager, PackagingFailed

MISSING_SHARE: Final = 0.01
MISSING_PICTURES: Final = 2
"""Share and number of pictures that may be missing: containers count some that are never shown."""

_POSTER_BYTES: Final = 8 << 20
_SUBTITLE_BYTES: Final = 1_000_000

MP4: Final = "mov"
"""Container of the files made here, by ffmpeg's name."""

Progress = Callable[[float], None]
"""Called with the seconds that there are of a file."""


@dataclass(frozen=True, slots=True)
class Made:
    """A rendition in a folder of the attempt, and the file that it consists of."""

    draft: Path
    rendition: RecordedRendition
    packaged: Packaged

    @property
    def path(self) -> Path:
        """The file."""
        return self.draft / file_name(self.rendition.name, 1)


@dataclass(frozen=True, slots=True)
class Ffmpeg:
    """The program at the path `program`, run for an attempt."""

    task: Attempt
    program: str

    def run(
        self,
        command: Callable[[Sequence[int]], Sequence[str]],
        inputs: Sequence[int],
        readers: Sequence[Callable[[IO[bytes]], None]] = (),
        meanwhile: Callable[[], None] | None = None,
    ) -> Ended:
        """Run it with the arguments that `command` returns."""
        return run(
            self.task,
            lambda pipes: confined([self.program, *command(pipes)]),
            inputs=inputs,
            readers=readers,
            meanwhile=meanwhile,
        )

    def copy(self, source: Source, file: Input, progress: Progress) -> Made:
        """Package picture and sound of a file as they are.

        Raises ParseError and PackagingFailed where that cannot be served.
        """
        packager = Packager(self._draft(SOURCE), SOURCE, progress, LONGEST_SEGMENT)
        made = self._package(packager, lambda out: arguments.package(source, file, out), (file,))
        picture, size, range_ = source.picture, (0, 0), "SDR"
        if picture is not None:
            _require_pictures(made, 0 if source.truncated else picture.frames)
            size, range_ = picture.display_size, picture.color.video_range
        rendition = _described(SOURCE, made, size, range_)
        return Made(self._draft(SOURCE), rendition, made)

    def sound(self, sound: AudioStream, file: Input, origin: float, progress: Progress) -> Made:
        """Package a sound track alone, encoded where browsers do not play it."""
        name = "sound"
        made = self._package(
            Packager(self._draft(name), name, progress),
            lambda out: arguments.sound_alone(sound, file, origin, out),
            (file,),
        )
        return Made(self._draft(name), _described(name, made, (0, 0)), made)

    def join(
        self,
        rendition: Rendition,
        encoded: Input,
        sound: tuple[Input, float] | None,
        pictures: int,
        progress: Progress,
    ) -> Made:
        """Make the file of a rendition whose `pictures` pictures were encoded. `sound` is a file
        with its sound, and the time of its first second."""
        track, origin = sound if sound is not None else (None, 0.0)
        made = self._package(
            Packager(self._draft(rendition.name), rendition.name, progress),
            lambda out: arguments.join(encoded, track, origin, out),
            (encoded, *((track,) if track else ())),
        )
        _require_pictures(made, pictures)
        size = (rendition.width, rendition.height)
        described = _described(rendition.name, made, size)
        return Made(self._draft(rendition.name), described, made)

    def poster(self, picture: VideoStream, file: Input, at: float) -> bytes:
        """Return the picture at `at` seconds as JPEG; empty where there is none."""
        found: list[bytes] = []
        self.run(
            lambda pipes: arguments.poster(picture, file, at, pipes[0]),
            (file.descriptor,),
            (lambda pipe: found.append(pipe.read(_POSTER_BYTES)),),
        )
        return found[0]

    def subtitles(self, streams: Sequence[TextStream], file: Input) -> list[bytes]:
        """Return text tracks as WebVTT; one that is too large is empty."""
        found = [b""] * len(streams)

        def read(number: int, pipe: IO[bytes]) -> None:
            data = pipe.read(_SUBTITLE_BYTES + 1)
            found[number] = data if len(data) <= _SUBTITLE_BYTES else b""

        self.run(
            lambda pipes: arguments.subtitles(file, list(zip(streams, pipes, strict=True))),
            (file.descriptor,),
            [partial(read, number) for number in range(len(streams))],
        )
        return found

    def loudness(self, sound: AudioStream, file: Input, progress: Progress) -> float | None:
        """Return the loudness of a track in LUFS; None for silence."""

        def read(pipe: IO[bytes]) -> None:
            for line in pipe:
                if (seconds := arguments.read_progress(line.decode())) is not None:
                    progress(seconds)

        ended = self.run(
            lambda pipes: arguments.loudness(sound, file, pipes[0]), (file.descriptor,), (read,)
        )
        return arguments.read_loudness(ended.errors)

    def _draft(self, name: str) -> Path:
        return self.task.folder / f"draft-{name}"

    def _package(
        self,
        packager: Packager,
        command: Callable[[int], Sequence[str]],
        inputs: Sequence[Input],
    ) -> Packaged:
        made: list[Packaged] = []
        ended = self.run(
            lambda pipes: command(pipes[0]),
            [each.descriptor for each in inputs],
            (lambda pipe: made.append(packager.write(pipe)),),
        )
        if ended.returncode and not made:
            raise PackagingFailed(f"ffmpeg failed: {ended.last_words}")
        return made[0]


def _described(
    name: str, packaged: Packaged, size: tuple[int, int], range_: str = "SDR"
) -> RecordedRendition:
    """Return the entry of the manifest for a file."""
    width, height = size
    file = RecordedFile(packaged.codecs, width, height, packaged.frame_rate, range_)
    totals = packaged.totals
    return RecordedRendition(name, (file,), totals.peak_bitrate(), totals.average_bitrate)


def _require_pictures(made: Packaged, expected: int) -> None:
    """Raise PackagingFailed where pictures are missing."""
    found = 0 if made.picture is None else made.picture.samples
    if found < max(1, expected * (1 - MISSING_SHARE) - MISSING_PICTURES):
        raise PackagingFailed(f"There are {found} pictures of {expected}.")
