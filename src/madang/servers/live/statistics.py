"""The figures of one broadcast: viewers, bytes, and their record in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from madang.apps.broadcasts.services import Progress
from madang.live.demux import Notice
from madang.live.events import ShowEnded, ShowEvent
from madang.servers.live.audience import Audience
from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.counters import LiveCounters
from madang.servers.live.intervals import Interval
from madang.servers.live.show_log import ShowRecord


@dataclass(frozen=True, slots=True)
class StatisticsIntervals:
    """Seconds between two counts of the viewers (`sweep`), and between two reports to the
    database (`report`): a crash may lose that much of a show's figures."""

    sweep: float = 1.0
    report: float = 10.0


DEFAULT_INTERVALS: Final = StatisticsIntervals()


class Statistics:
    """Counts, and keeps the totals in the record of the show."""

    def __init__(
        self,
        broadcast: LiveBroadcast,
        record: ShowRecord,
        counters: LiveCounters,
        intervals: StatisticsIntervals = DEFAULT_INTERVALS,
    ) -> None:
        self.audience = Audience()
        self.bytes_out = 0
        self._broadcast = broadcast
        self._record = record
        self._counters = counters
        self._sweep = Interval(intervals.sweep)
        self._report = Interval(intervals.report)

    def sent(self, kind: str, size: int) -> None:
        """Count `size` bytes sent to a viewer."""
        self.bytes_out += size
        self._counters.bytes_sent[kind] += size

    def on_event(self, event: ShowEvent) -> None:
        """Count notices; close the record at the end."""
        match event:
            case Notice():
                self._counters.notices[event.code] += 1
            case ShowEnded():
                ended_at = datetime.fromtimestamp(self._broadcast.clock.wall(), UTC)
                self._record.close(self._progress(), self._broadcast.end_reason, ended_at)
            case _:
                pass

    def tick(self, now: float) -> None:
        """Count the viewers, and report."""
        if self._sweep.due(now):
            self.audience.sweep(now)
        if self._broadcast.ended_at is None and self._report.due(now):
            self._record.report(self._progress())

    def _progress(self) -> Progress:
        return Progress(
            peak_viewers=self.audience.peak,
            viewer_seconds=self.audience.viewer_seconds,
            bytes_in=self._broadcast.bytes_in,
            bytes_out=self.bytes_out,
            codecs=self._broadcast.codecs,
            disconnects=self._broadcast.disconnects,
        )
