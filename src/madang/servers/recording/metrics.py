"""Metrics of recordings."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from madang.servers.recording.counters import RecordingCounters


class RecordingMetrics:
    """Collects the figures of the recordings of this process."""

    def __init__(self, counters: RecordingCounters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        """Return the figures of this moment."""
        counters = self._counters
        yield GaugeMetricFamily(
            "madang_recordings_in_progress",
            "Recordings that are written or being finished.",
            counters.in_progress,
        )
        yield CounterMetricFamily("madang_recorded_bytes", "Media recorded.", counters.bytes)
        yield CounterMetricFamily(
            "madang_recording_gaps_seconds",
            "Media missing in recordings, because the disk was full or too slow.",
            counters.gaps,
        )
