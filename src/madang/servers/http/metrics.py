"""`/metrics` in Prometheus' text format."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The registry of this process; each subject adds a collector of its own."""

    def __init__(self, *collectors: Collector) -> None:
        self._registry = CollectorRegistry()
        for collector in collectors:
            self.add(collector)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def add(self, collector: Collector) -> None:
        """Render the figures of `collector` as well."""
        self._registry.register(collector)

    def render(self) -> bytes:
        """Return every figure in the text format, version 0.0.4."""
        return generate_latest(self._registry)
