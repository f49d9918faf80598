"""A clock that tests move."""

from __future__ import annotations

from madang.infra.clock import Clock


class ManualClock:
    """Time that passes only by `advance`; `clock` is what the code under test gets."""

    def __init__(self, seconds: float = 1_800_000_000.0) -> None:
        self.seconds = seconds
        self.clock = Clock(lambda: self.seconds, lambda: self.seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self.seconds += seconds
