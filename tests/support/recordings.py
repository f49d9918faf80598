"""Recordings in memory: a file and its index, as the events of a show make them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from madang.live.events import InitChanged, PartAdded, ShowEvent
from madang.recording.file import Append, RecordingFile
from madang.recording.index import Kind, Record
from madang.wire.fmp4.hybrid import Write


@dataclass(slots=True)
class MemoryRecording:
    """A file with its index; `log` has every write to either, in order."""

    file: RecordingFile
    data: bytearray = field(default_factory=bytearray)
    index: bytearray = field(default_factory=bytearray)
    records: list[Record] = field(default_factory=list)
    log: list[Write] = field(default_factory=list)

    def write(self, append: Append) -> None:
        """Write data, and then its record."""
        self.log.append(Write(len(self.data), append.data))
        self.data += append.data
        self.index += append.index
        self.records.append(append.record)

    def finish(self) -> None:
        """Finish the file."""
        for each in self.file.finish():
            self.log.append(each)
            self.data[each.offset : each.offset + len(each.data)] = each.data

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of the file."""
        return bytes(self.data[offset : offset + size])


def begun(init: bytes) -> MemoryRecording:
    """Return a recording with nothing but its init segment."""
    made = MemoryRecording(RecordingFile(init))
    made.write(made.file.begin())
    return made


def part_record(event: PartAdded) -> Record:
    """Return what the event of a part says for the index."""
    return Record(
        Kind.PART,
        msn=event.msn,
        index=event.index,
        duration=event.duration,
        date=event.date.timestamp(),
        independent=event.independent,
        discontinuity=event.discontinuity,
    )


def recorded(events: Iterable[ShowEvent], rendition: str) -> list[MemoryRecording]:
    """Return the recordings of one rendition of a show, one for each init segment."""
    made: list[MemoryRecording] = []
    for event in events:
        match event:
            case InitChanged(rendition=name) if name == rendition:
                made.append(begun(event.file.body))
            case PartAdded(rendition=name) if name == rendition:
                made[-1].write(made[-1].file.append(event.file.body, part_record(event)))
            case _:
                pass
    return made
