"""Counters of the chat, read by /metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ChatCounters:
    """Totals since the start of the process.

    `refused` counts refused connections and requests by reason, `closed` the ends of connections
    by reason. `deliveries` are messages times readers, `missed` those that slow readers lost.
    """

    connections: int = 0
    messages: int = 0
    deliveries: int = 0
    missed: int = 0
    actions: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
