"""Event loop with virtual time: the clock jumps to the next timer as soon as nothing is ready.

For tests with client and server on one loop: waiting takes no real time, and a busy machine causes
no delay.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

GRACE = 0.001
"""Real seconds for bytes in transit over the loopback."""


class _JumpingSelector(selectors.DefaultSelector):
    """Selector that advances the time to the next timer if nothing is ready."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, GRACE))
        if not ready:
            self.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Event loop whose `time` and `wall` advance only while all tasks wait."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._epoch = time.time()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return seconds of virtual time."""
        return self._jumping.passed

    def wall(self) -> float:
        """Return seconds since 1970, in step with `time`."""
        return self._epoch + self._jumping.passed

    def pause(self, seconds: float) -> None:
        """Let time pass while nothing runs, as when the whole machine is paused."""
        self._jumping.passed += seconds


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine like `asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def wall() -> float:
    """Return the wall clock of the running loop: virtual if the loop's time is."""
    loop = asyncio.get_running_loop()
    return loop.wall() if isinstance(loop, VirtualLoop) else time.time()
