"""Counters of recordings: plain numbers, read by `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class RecordingCounters:
    """Recordings `in_progress`; since the start of the process `bytes`, and `gaps` in seconds."""

    in_progress: int = 0
    bytes: int = 0
    gaps: float = 0.0
