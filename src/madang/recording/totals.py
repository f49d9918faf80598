"""Sums over the records of a rendition: length, what is missing, bit rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from madang.recording.index import Kind, Record


@dataclass(slots=True)
class Totals:
    """Sums over the parts and gaps of one rendition, added in order, file by file.

    `duration` is with `gaps`, both in seconds; `bytes` are those of the parts. `began_at` and
    `ended_at`, in seconds since 1970, are those of the first and behind the last record; 0 without
    any.
    """

    target_duration: int
    duration: float = 0.0
    gaps: float = 0.0
    bytes: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    _msn: int = -1
    _segment_bytes: int = 0
    _segment_seconds: float = 0.0
    _peak: float = 0.0
    _peak_of_short: float = 0.0

    def add(self, record: Record) -> None:
        """Add a record; those that are neither a part nor a gap do not count."""
        if record.kind not in (Kind.PART, Kind.GAP):
            return
        if not self.duration:
            self.began_at = record.date
        self.duration += record.duration
        self.ended_at = record.date + record.duration
        if record.kind is Kind.GAP:
            self.gaps += record.duration
            return
        self.bytes += record.size
        if record.msn != self._msn:
            self._end_segment()
            self._msn = record.msn
        self._segment_bytes += record.size
        self._segment_seconds += record.duration

    def add_all(self, records: Iterable[Record]) -> None:
        """Add records in order."""
        for record in records:
            self.add(record)

    @property
    def average_bitrate(self) -> int:
        """Mean of what was recorded, in bits per second."""
        recorded = self.duration - self.gaps
        return round(self.bytes * 8 / recorded) if recorded > 0 else 0

    def peak_bitrate(self) -> int:
        """Return the highest bit rate of a segment, at least the average, in bits per second.

        Segments shorter than half the target duration count only where there are no others (RFC
        8216bis, section 4.1).
        """
        self._end_segment()
        return max(self.average_bitrate, round(self._peak or self._peak_of_short))

    def covers(self, other: Totals, tolerance: float) -> bool:
        """Return whether nothing of `other` is missing here but `tolerance` seconds at each end."""
        return (
            self.bytes > 0
            and not self.gaps
            and self.began_at <= other.began_at + tolerance
            and self.ended_at >= other.ended_at - tolerance
        )

    def _end_segment(self) -> None:
        if self._segment_seconds > 0:
            rate = self._segment_bytes * 8 / self._segment_seconds
            if self._segment_seconds >= self.target_duration / 2:
                self._peak = max(self._peak, rate)
            else:
                self._peak_of_short = max(self._peak_of_short, rate)
        self._segment_bytes, self._segment_seconds = 0, 0.0
