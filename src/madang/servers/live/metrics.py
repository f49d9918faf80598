"""Metrics of live delivery, collected from plain counters on request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from madang.apps.broadcasts.ports import LiveStatus
from madang.servers.live.counters import LiveCounters
from madang.servers.rtmp import RtmpCounters

_GAUGES: Final[tuple[tuple[str, str, Callable[[LiveStatus], float]], ...]] = (
    ("madang_viewers", "Clients that play.", lambda s: s.viewers),
    ("madang_ingest_bits_per_second", "What the encoder sends.", lambda s: s.bitrate),
    ("madang_ingest_frames_per_second", "Pictures that arrive.", lambda s: s.frame_rate or 0.0),
    (
        "madang_ingest_key_frame_interval_seconds",
        "Distance of the last two key frames.",
        lambda s: s.keyframe_interval or 0.0,
    ),
    (
        "madang_ingest_arrival_lag_seconds",
        "How far the stream's clock is behind the wall clock.",
        lambda s: s.arrival_lag,
    ),
    (
        "madang_part_lag_seconds",
        "From the arrival of a part's first unit to the part's publication.",
        lambda s: s.part_lag,
    ),
)

_COUNTERS: Final[tuple[tuple[str, str, Callable[[LiveStatus], float]], ...]] = (
    (
        "madang_ingest_dropped_frames",
        "Pictures missing in the stream.",
        lambda s: s.dropped_frames,
    ),
    (
        "madang_ingest_disconnects",
        "How often the encoder was lost or replaced.",
        lambda s: s.disconnects,
    ),
    ("madang_ingest_bytes", "Received from the encoder in this show.", lambda s: s.bytes_in),
    ("madang_show_bytes", "Sent to the viewers of this show.", lambda s: s.bytes_out),
)


class LiveMetrics:
    """Collects the figures of the station; those of a channel are there while it is on the air.

    `backups` returns when the newest backup was taken and when one was last verified, in seconds
    since 1970; 0 for never.
    """

    def __init__(
        self,
        counters: LiveCounters,
        rtmp: RtmpCounters,
        snapshot: Callable[[], Mapping[str, LiveStatus]],
        backups: Callable[[], tuple[float, float]],
    ) -> None:
        self._counters = counters
        self._rtmp = rtmp
        self._snapshot = snapshot
        self._backups = backups

    def collect(self) -> Iterable[Metric]:
        """Return the figures of this moment."""
        on_air = self._snapshot()
        yield GaugeMetricFamily("madang_channels_live", "Channels on the air.", len(on_air))
        for name, words, read in _GAUGES:
            gauge = GaugeMetricFamily(name, words, labels=["channel"])
            for slug, status in on_air.items():
                gauge.add_metric([slug], read(status))
            yield gauge
        for name, words, read in _COUNTERS:
            counter = CounterMetricFamily(name, words, labels=["channel"])
            for slug, status in on_air.items():
                counter.add_metric([slug], read(status))
            yield counter
        taken, verified = self._backups()
        for name, words, at in (
            ("madang_backup_taken_timestamp_seconds", "When the newest backup was taken.", taken),
            ("madang_backup_verified_timestamp_seconds", "When one was last proven.", verified),
        ):
            yield GaugeMetricFamily(name, words, at)
        yield CounterMetricFamily(
            "madang_rtmp_connections", "Connections of encoders.", self._rtmp.connections
        )
        yield CounterMetricFamily(
            "madang_rtmp_passed_over",
            "Malformed messages of encoders that did not matter.",
            self._rtmp.passed_over,
        )
        yield CounterMetricFamily(
            "madang_flv_dropped_bytes",
            "Not sent to FLV readers that fell behind.",
            self._counters.flv_dropped_bytes,
        )
        for name, words, label, counted in (
            ("madang_sent_bytes", "Sent to viewers.", "kind", self._counters.bytes_sent),
            (
                "madang_refused",
                "Publishers refused.",
                "reason",
                self._counters.refused + self._rtmp.refused,
            ),
            ("madang_notices", "Troubles in media.", "code", self._counters.notices),
            ("madang_rtmp_closed", "Why encoders left.", "reason", self._rtmp.closed),
        ):
            family = CounterMetricFamily(name, words, labels=[label])
            for value, count in sorted(counted.items()):
                family.add_metric([value], count)
            yield family
