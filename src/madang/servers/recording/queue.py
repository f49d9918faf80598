"""Parts in the queue of the writer, and gaps that grow while it waits."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace

from madang.servers.recording.growing import Part
from madang.servers.recording.recording import Recording


@dataclass(slots=True)
class QueuedPart:
    """A part in the queue. `number` counts those of its rendition. A gap has the `durations` of its
    segments from that of the part on; one that is `merged` is in another."""

    recording: Recording
    rendition: str
    part: Part
    at: float
    number: int
    durations: array[float]
    merged: bool = False

    def parts(self) -> Iterator[Part]:
        """Yield the part, or one gap for each segment."""
        if self.merged:
            return
        if self.part.data is not None:
            yield self.part
            return
        msn, date = self.part.record.msn, self.part.record.date
        for each in self.durations:
            yield Part(None, replace(self.part.record, msn=msn, date=date, duration=each))
            msn += 1
            date += each

    def merge(self, other: QueuedPart) -> bool:
        """Take the next gap over; return False where its segment does not follow."""
        ahead = other.part.record.msn - self.part.record.msn - len(self.durations)
        if ahead not in (-1, 0):
            return False
        if ahead:
            self.durations[-1] += other.part.record.duration
        else:
            self.durations.append(other.part.record.duration)
        other.merged = True
        return True
