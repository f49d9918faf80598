"""The end of a process: its parts, one after another, within one deadline."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from madang.infra.deadline import Deadline

STOP_SECONDS: Final = 8.5
"""Time for all parts. The contract allows ten seconds; systemd kills after TimeoutStopSec, 15."""

EXIT_SECONDS: Final = 9.5
"""Time after which the process ends, whatever a thread or the event loop still does."""

LAST_SECONDS: Final = 3.5
"""What the parts before them leave to recordings and the records of shows."""

GRACE: Final = 0.2
"""Seconds for a part to return after the time that it was given."""

log = logging.getLogger(__name__)


class Shutdown:
    """Ends parts of a process. One that fails or hangs keeps no other from ending."""

    def __init__(self, seconds: float = STOP_SECONDS, last: float = LAST_SECONDS) -> None:
        self._deadline = Deadline(seconds)
        self._last = last

    async def end(
        self,
        name: str,
        close: Callable[[float], Awaitable[object]],
        at_most: float = math.inf,
        *,
        last: bool = False,
    ) -> None:
        """Close a part, which is told how many seconds it has: `at_most`, and what is left but for
        the `last` parts."""
        patience = self._deadline.left(at_most, keep=0.0 if last else self._last)
        task = asyncio.ensure_future(close(patience))
        await asyncio.wait({task}, timeout=patience + GRACE)
        if not task.done():
            task.cancel()
            log.error("stopping: %s did not end within %.1f s", name, patience)
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.error("stopping: %s failed", name, exc_info=error)


def exit_after(seconds: float) -> None:
    """End the process in `seconds`, should it still run then: a thread that waits for a disk, or an
    event loop that waits for the thread, would hold it up until it is killed."""

    def leave() -> None:
        log.error("stopping: what did not end within %.1f s is given up", seconds)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
