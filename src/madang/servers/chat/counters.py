"""What the chat counts; /metrics reads it when somebody asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class ChatCounters:
    """Totals since the start of the process.

    `refused` is by the code of the reason, of connections and of what they asked; `closed` by why
    a connection ended. `deliveries` are messages times readers, `missed` those that slow readers
    lost.
    """

    connections: int = 0
    messages: int = 0
    deliveries: int = 0
    missed: int = 0
    acts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    closed: Counter[str] = field(default_factory=Counter)
