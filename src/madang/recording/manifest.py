"""The manifest of a recording: which files it has, and what is known of each rendition.

A recording is a folder in `recordings` of the storage, named by its id. The manifest is
`recording.json` in it; file number N (from 1) of the rendition NAME is `NAME/N.mp4` with its index
`NAME/N.index`. A changed init section begins the next
file. The manifest is replaced as a whole whenever it changes, so that it is always readable.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from madang.base.errors import ParseError

RECORDINGS: Final = "recordings"
"""Name of the folder of all recordings in the storage."""

ID_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
ID_LENGTH: Final = 12
ID_PATTERN: Final = rf"[{ID_ALPHABET}]{{{ID_LENGTH}}}"
"""Ids are random characters of base58: 70 bits, which cannot be guessed."""

LOCK: Final = "lock"
"""Name of the file that the writer of a recording locks (flock), and removes once the recording is
finished and its row says so."""

MANIFEST: Final = "recording.json"
"""Name of the manifest in the folder."""

VERSION: Final = 1

POSTER: Final = "poster.jpg"
"""Name of the picture shown before playback."""


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file of a rendition; what its init section says. Size in pixels, frame rate in frames per
    second; a file of sound alone has the size 0 x 0. `video_range` is SDR, PQ or HLG."""

    codecs: str
    width: int = 0
    height: int = 0
    frame_rate: float | None = None
    video_range: str = "SDR"


@dataclass(frozen=True, slots=True)
class RecordedRendition:
    """A rendition with its files in order. Bit rates in bits per second, `bitrate` is the peak over
    a segment; both are 0 until they are known. One that is `incomplete` lacks some of the show: it
    is there for viewers who had it at the end, is offered to nobody, and is removed in a while."""

    name: str
    files: tuple[RecordedFile, ...] = ()
    bitrate: int = 0
    average_bitrate: int = 0
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """A sound track of a file that was uploaded: codec by ffmpeg's name, language by its code."""

    codec: str
    channels: int
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A recording. `began_at` and `ended_at` are in seconds since 1970, `target_duration` in
    seconds. `ended_at` is None until all files are finished; `temporary` is true for a show that
    is kept only while it is on, `ask` for one whose owner decides after it.

    `dated`: its records have dates; times of a file that was uploaded are seconds from its
    beginning. `sounds` are the sound tracks of such a file, of which the first is heard, with
    `loudness` in LUFS (None: silence, or not known yet); `upload` is the id of that file.
    `first_number` is the number of the first files in addresses: where others have replaced the
    files of a video, theirs are new ones, so that no cache mixes the two.
    """

    id: str
    channel_id: int
    title: str
    began_at: float
    target_duration: int
    renditions: tuple[RecordedRendition, ...] = ()
    ended_at: float | None = None
    temporary: bool = False
    ask: bool = False
    dated: bool = True
    sounds: tuple[SoundTrack, ...] = ()
    loudness: float | None = None
    upload: str = ""
    first_number: int = 1

    @property
    def next_number(self) -> int:
        """`first_number` of what replaces these files."""
        return self.first_number + max((len(each.files) for each in self.renditions), default=1)


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as JSON."""
    data = {"version": VERSION, **asdict(manifest)}
    return json.dumps(data, ensure_ascii=False, indent=1).encode()


def decode(data: bytes) -> Manifest:
    """Return the manifest in `data`. Raises ParseError."""
    try:
        fields = json.loads(data)
        if fields.pop("version") != VERSION:
            raise ParseError("The manifest of the recording is of another version of Madang.")
        renditions = tuple(
            RecordedRendition(**each | {"files": tuple(RecordedFile(**f) for f in each["files"])})
            for each in fields.pop("renditions")
        )
        sounds = tuple(SoundTrack(**each) for each in fields.pop("sounds", ()))
        return Manifest(**fields, renditions=renditions, sounds=sounds)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ParseError(f"The manifest of the recording cannot be read: {error}.") from None


def file_name(rendition: str, number: int) -> str:
    """Return the path of file `number` (from 1) of a rendition, relative to the folder."""
    return f"{rendition}/{number}.mp4"


def index_name(rendition: str, number: int) -> str:
    """Return the path of the index of that file, relative to the folder."""
    return f"{rendition}/{number}.index"
