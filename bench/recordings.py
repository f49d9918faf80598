"""Recordings of any length, made in a moment: files and their index, and the row of each.

`python -m bench.recordings DATA ID STATE` adds the row to the database of a bench station, of its
channel `bench-0`; STATE is `recording` or `ready`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.processes import BenchFailed
from madang.recording.index import MAGIC, Kind, Record, encode
from madang.recording.manifest import (
    LOCK,
    MANIFEST,
    RECORDINGS,
    Manifest,
    RecordedFile,
    RecordedRendition,
    file_name,
    index_name,
)
from madang.recording.manifest import encode as encode_manifest

ID: Final = "BenchBenchBe"
RENDITION: Final = "source"
SEGMENT: Final = 2.0
PARTS: Final = 6
"""Parts of a segment."""

_HEAD: Final = 1024
"""Bytes before the first part."""

_BLOCK: Final = 1 << 20


@dataclass(slots=True)
class GrowingRecording:
    """A recording of a show in the storage: its index is real, its media data is a hole.

    `bit_rate` is in bits per second; `segments` counts those that are there.
    """

    storage: Path
    bit_rate: int
    began_at: float
    segments: int = 0
    _part: int = field(init=False)

    def __post_init__(self) -> None:
        self._part = int(self.bit_rate / 8 * SEGMENT / PARTS)
        _begin(self.storage, self.began_at, ended_at=None)
        with self._index.open("wb") as index:
            index.write(MAGIC + encode(Record(Kind.INIT, 44, _HEAD - 44)))
        self._file.touch()

    @property
    def end(self) -> int:
        """Bytes of the file."""
        return _HEAD + self.segments * PARTS * self._part

    def grow(self, segments: int) -> None:
        """Append segments: data first, and then what the index says of it."""
        begin = self.segments
        at = self.end
        self.segments += segments
        os.truncate(self._file, self.end)
        with self._index.open("ab") as index:
            for msn in range(begin, self.segments):
                for part in range(PARTS):
                    date = self.began_at + (msn + part / PARTS) * SEGMENT
                    record = Record(
                        *(Kind.PART, at, self._part, 1, msn, part),
                        *(SEGMENT / PARTS, date, part == 0),
                    )
                    index.write(encode(record))
                    at += self._part

    @contextlib.contextmanager
    def growing(self) -> Iterator[None]:
        """Let it grow in real time, as its writer does, while the block lasts."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(SEGMENT):
                self.grow(1)

        thread = threading.Thread(target=work)
        with (_folder(self.storage) / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()

    @property
    def _file(self) -> Path:
        return _folder(self.storage) / file_name(RENDITION, 1)

    @property
    def _index(self) -> Path:
        return _folder(self.storage) / index_name(RENDITION, 1)


def write_finished(storage: Path, size: int) -> str:
    """Write a finished recording whose file has `size` bytes, rounded up to whole MiB; return the
    path of the file in the storage."""
    _begin(storage, time.time() - 3600, ended_at=time.time())
    file = _folder(storage) / file_name(RENDITION, 1)
    with file.open("wb") as target:
        for _ in range(-(-size // _BLOCK)):
            target.write(os.urandom(_BLOCK))
    with file.with_suffix(".index").open("wb") as index:
        index.write(MAGIC + encode(Record(Kind.INIT, 44, _HEAD - 44)))
        index.write(encode(Record(Kind.PART, _HEAD, size - _HEAD, duration=SEGMENT, date=1.0)))
    return str(file.relative_to(storage))


def add_row(data: Path, state: str) -> None:
    """Add the row of the recording. Raises BenchFailed."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.recordings", str(data), ID, state],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchFailed(f"The recording could not be added: {done.stderr[-1000:]}")


def _folder(storage: Path) -> Path:
    return storage / RECORDINGS / ID


def _begin(storage: Path, began_at: float, *, ended_at: float | None) -> None:
    folder = _folder(storage)
    (folder / RENDITION).mkdir(parents=True)
    file = RecordedFile("avc1.64001f,mp4a.40.2", 1280, 720, 30.0)
    manifest = Manifest(
        *(ID, 1, "bench", began_at, int(SEGMENT)),
        (RecordedRendition(RENDITION, (file,)),),
        ended_at=ended_at,
    )
    (folder / MANIFEST).write_bytes(encode_manifest(manifest))


def main(data: Path, video_id: str, state: str) -> None:
    """Add a row to the database in the data folder."""
    from madang.station import boot
    from madang.station.config import settings

    boot.control_plane(settings.load(data))
    from madang.apps.channels.models import Channel
    from madang.apps.videos.services import (
        RecordingResult,
        RecordingStart,
        begin_recording,
        finish_recording,
    )

    now = datetime.now(UTC)
    channel = Channel.objects.get(slug="bench-0")
    begin_recording(RecordingStart(video_id, channel.pk, "bench", now))
    if state == "ready":
        finish_recording(video_id, RecordingResult(SEGMENT, 1, now))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
