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
    from madang.infra.disk import Disk
    from madang.servers.recording.recording import Recording
    from madang.servers.recording.space import Report
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

    def lose(self, recording_id: str, reason: str, told: Callable[[], None]) -> None:
        self.failed[recording_id] = reason
        told()

    def fail_lost(self, has_files: Callable[[str], bool], reason: str) -> None:
        lost = [each.id for each in self.begun if not has_files(each.id)]
        self.failed.update(dict.fromkeys(lost, reason))

    def discard(self, recording_id: str, remove: Callable[[], None]) -> None:
        self.discarded.append(recording_id)
        remove()


def faulty_disk(space: Callable[[], int] = lambda: 1 << 40) -> Disk:
    """Return a disk whose `free` says `space`, and of which `limit` bytes are left."""
    import os

    from madang.infra.disk import Disk

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
        self,
        root: Path,
        limits: WriterLimits | None = None,
        disk: Disk | None = None,
        report: Report | None = None,
    ) -> None:
        from madang.servers.recording.space import no_report
        from madang.servers.recording.writer import RecordingWriter, WriterLimits

        self.clock = ManualClock()
        self.rows = MemoryRows()
        self.writer = RecordingWriter(
            root,
            limits or WriterLimits(reserve=0),
            disk=disk,
            clock=self.clock.clock,
            report=report or no_report,
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


def repair(
    root: Path,
    rows: MemoryRows,
    disk: Disk | None = None,
    writes: Callable[[str], bool] | None = None,
    wall: Callable[[], float] = lambda: WALL,
) -> int:
    """Repair what is in a folder as a start does; discard temporary recordings at once."""
    from madang.infra.disk import Disk
    from madang.servers.recording.repair import RecordingRepair

    used = disk or Disk()

    def discard(manifest: Manifest) -> None:
        rows.discard(manifest.id, lambda: used.remove(root / manifest.id))

    return RecordingRepair(root, rows, used, discard, writes or (lambda _: False), wall).run()


def killing_disk(operations: int, share: float) -> Disk:
    """Return a disk that kills this process at its operation of that number, of which a `share`
    is done if it is a write. `done` counts."""
    import os
    import signal

    from madang.infra.disk import Disk

    class KillingDisk(Disk):
        done = 0

        def step(self, partly: Callable[[], object] = lambda: None) -> None:
            self.done += 1
            if self.done == operations:
                partly()
                os.kill(os.getpid(), signal.SIGKILL)

        def write(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
            part = bytes(data)[: int(len(data) * share)]
            self.step(lambda: os.pwrite(descriptor, part, offset))
            return super().write(descriptor, data, offset)

        def sync(self, descriptor: int) -> None:
            self.step()
            super().sync(descriptor)

        def sync_folder(self, folder: Path) -> None:
            self.step()
            super().sync_folder(folder)

        def truncate(self, descriptor: int, size: int) -> None:
            self.step()
            super().truncate(descriptor, size)

    return KillingDisk()


def record_until_killed(root: Path, operations: int = 0, share: float = 0.0) -> tuple[int, int]:
    """Record a show, each part at once, and say in `root/sent` how many parts were handed over.

    Returns how many operations on the disk there were, while the show was on and altogether.
    """
    from tests.support.broadcast import Encoder, broadcast

    disk = killing_disk(operations, share)
    made = Recorded(root, disk=disk)
    sent = 0
    for event in broadcast(Encoder(), 9.0).events:
        made.take([event])
        if isinstance(event, PartAdded):
            sent += 1
            (root / "sent").write_text(str(sent))
        made.turn(0.3)
    during: int = disk.done  # type: ignore[attr-defined]
    made.end()
    return during, disk.done  # type: ignore[attr-defined]


def main(folders: list[str]) -> None:
    """Let a process be killed for each folder, alternately within the show and at its end."""
    import os
    import random
    import sys
    import tempfile

    from madang.station import boot
    from madang.station.config import settings

    with tempfile.TemporaryDirectory() as data:
        boot.control_plane(settings.load(Path(data), environ={}))  # once for all
        during, altogether = record_until_killed(Path(data))
        for number, folder in enumerate(folders):
            chance = random.Random(number)
            first, last = (during, altogether) if number % 2 else (0, during)
            child = os.fork()
            if not child:
                share = chance.choice((0.0, 0.5, 1.0))
                record_until_killed(Path(folder), chance.randrange(first, last) + 1, share)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            if os.waitstatus_to_exitcode(status) != -9:
                sys.exit(f"{folder}: the process was not killed")


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
