"""Counters of live delivery: plain numbers on the hot path, read by `/metrics`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class LiveCounters:
    """Totals since the start of the process.

    `bytes_sent` is by kind of answer (playlist, part, segment, init, flv, poster, recording),
    `refused` by the name of the reason, `notices` by what was wrong with media that arrived.
    `flv_dropped_bytes` were meant for FLV clients that fell behind.
    """

    flv_dropped_bytes: int = 0
    bytes_sent: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
