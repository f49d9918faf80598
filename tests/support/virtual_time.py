"""An event loop whose clock jumps to the next timer as soon as nothing is left to do.

For tests in which client and server live on one loop: what takes seconds of waiting takes none,
and a busy machine makes nobody late.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

GRACE = 0.001
"""Real seconds for bytes that the kernel is still carrying over the loopback."""


class _JumpingSelector(selectors.DefaultSelector):
    """Reports what is ready; where nothing is, the time until the next timer has passed."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(min(timeout, GRACE))
        if not ready:
            self.passed += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time` and `wall` go on only while everybody waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._epoch = time.time()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._jumping.passed

    def wall(self) -> float:
        """Seconds since 1970, in step with `time`."""
        return self._epoch + self._jumping.passed


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Like `asyncio.run`, in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def wall() -> float:
    """The wall clock of the running loop: virtual where the loop's time is."""
    loop = asyncio.get_running_loop()
    return loop.wall() if isinstance(loop, VirtualLoop) else time.time()
