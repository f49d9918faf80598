"""Recordings on a real disk: rows in memory, disks that fail, whole shows."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from madang.live.events import InitChanged, PartAdded, RenditionEnded, ShowEvent
from madang.recording.index import Record, decode
from madang.recording.manifest import MANIFEST, Manifest, RecordedFile
from madang.recording.manifest import decode as decode_manifest
from tests.support.broadcast import WALL
from tests.support.clocks import ManualClock
from tests.support.recordings import part_record

if TYPE_CHECKING:
    from madang.apps.videos.services import RecordingResult, RecordingStart
    from madang.servers.recording.disk import Disk
    from madang.servers.recording.recording import Recording
    from madang.servers.recording.writer import RecordingWriter, WriterLimits


@dataclass
class MemoryRows:
    """Rows of recordings in memory."""

    begun: list[RecordingStart] = field(default_factory=list)
    finished: dict[str, RecordingResult] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)

    def begin(self, start: RecordingStart) -> None:
        self.begun.append(start)

    def finish(
        self, start: RecordingStart, result: RecordingResult, told: Callable[[], None]
    ) -> None:
        self.finished[start.id] = result
        told()

    def fail(self, start: RecordingStart, reason: str, told: Callable[[], None]) -> None:
        self.failed[start.id] = reason
        told()

    def discard(self, recording_id: str, remove: Callable[[], None]) -> None:
        self.discarded.append(recording_id)
        remove()


def faulty_disk(space: Callable[[], int] = lambda: 1 << 40) -> Disk:
    """Return a disk whose `free` says `space`, and of which `limit` bytes are left."""
    import os

    from madang.servers.recording.disk import Disk

    class FaultyDisk(Disk):
        limit = 1 << 40
        writes = 0
        before: Callable[[], object] = staticmethod(lambda: None)

        def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
            self.before()
            self.writes += 1
            taken = len(data)
            if offset + taken > os.fstat(descriptor).st_size:
                taken = min(taken, self.limit)
            if data and not taken:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.limit -= taken
            return super().write(descriptor, data[:taken], offset)

        def free(self, folder: Path) -> int:
            return space()

    return FaultyDisk()


class Recorded:
    """A writer without a thread, and one recording: `take` and `turn` are done by hand."""

    def __init__(
        self, root: Path, limits: WriterLimits | None = None, disk: Disk | None = None
    ) -> None:
        from madang.servers.recording.writer import RecordingWriter, WriterLimits

        self.clock = ManualClock()
        self.rows = MemoryRows()
        self.writer = RecordingWriter(
            root, limits or WriterLimits(reserve=0), disk=disk, clock=self.clock.clock
        )
        self.recording = begin(self.writer, self.rows)
        self.folder = self.recording.folder

    def take(self, events: Iterable[ShowEvent]) -> None:
        """Queue what events say."""
        for event in events:
            queue_event(self.writer, self.recording, event)

    def turn(self, seconds: float = 0.5) -> None:
        """Let time pass, and the thread do its work once."""
        self.clock.advance(seconds)
        self.writer.turn()

    def end(self, turns: int = 10) -> None:
        """Finish the recording."""
        self.writer.finish(self.recording, WALL + 100)
        for _ in range(turns):
            self.turn()


def begin(writer: RecordingWriter, rows: MemoryRows, name: str = "3kYfG8sQ1abZ") -> Recording:
    """Begin a recording."""
    from madang.servers.recording.recording import Recording

    manifest = Manifest(name, 7, "The yard", WALL, 2)
    recording = Recording(writer.root / name, manifest, rows, writer.disk, writer.counters)
    writer.begin(recording)
    return recording


def queue_event(writer: RecordingWriter, recording: Recording, event: ShowEvent) -> None:
    """Queue what an event says."""
    from madang.servers.recording.growing import Part

    match event:
        case InitChanged():
            codecs = ",".join(track.codec_string for track in event.tracks.all)
            about = RecordedFile(codecs, 320, 180, 30.0)
            body = event.file.body
            writer.submit(lambda: recording.begin_file(event.rendition, about, body))
        case PartAdded():
            writer.put(recording, event.rendition, Part(event.file.body, part_record(event)))
        case RenditionEnded(name):
            writer.submit(lambda: recording.drop(name))
        case _:
            pass


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest in a folder."""
    return decode_manifest((folder / MANIFEST).read_bytes())


def records_of(folder: Path, rendition: str = "source", number: int = 1) -> list[Record]:
    """Return the records of an index."""
    return decode((folder / rendition / f"{number}.index").read_bytes())
