"""A supervisor for background tasks of an event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any


class TaskSupervisor:
    """Keeps tasks alive until they end, and logs what they raise.

    An event loop holds only weak references to tasks, and drops their exceptions unless somebody
    asks for them. `name` says in the log whose task failed.
    """

    def __init__(self, log: logging.Logger, name: str) -> None:
        self._log = log
        self._name = name
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run `work` on the running event loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self, patience: float) -> None:
        """Cancel every task, and wait at most `patience` seconds for their ends."""
        for task in self._tasks:
            task.cancel()
        await self.wait(patience)

    async def wait(self, patience: float) -> None:
        """Wait at most `patience` seconds until every task has ended."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=patience)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("%s failed", self._name, exc_info=error)
