"""The table of the kinds of durable jobs. Import after `boot.start_django`."""

from __future__ import annotations

from madang.station.config.settings import Settings
from madang.work.runner import Lane


def job_lanes(settings: Settings) -> list[Lane]:
    """Return what a worker does: `short` is what people wait for, `long` takes all cores."""
    return [
        Lane("short", slots=2, handlers=()),
        Lane("long", slots=1, handlers=()),
    ]
