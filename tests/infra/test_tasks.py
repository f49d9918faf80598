"""Tasks that nobody awaits: kept, logged when they fail, cancelled at the end."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from madang.infra.tasks import TaskSupervisor

LOG = logging.getLogger("tests.tasks")


def test_a_task_is_not_collected_before_it_ends() -> None:
    async def run() -> bool:
        tasks, done = TaskSupervisor(LOG, "a task"), asyncio.Event()

        async def work() -> None:
            await asyncio.sleep(0)
            done.set()

        tasks.spawn(work())
        gc.collect()
        await tasks.wait(1.0)
        return done.is_set()

    assert asyncio.run(run())


def test_what_a_task_raises_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        tasks = TaskSupervisor(LOG, "a task of the test")

        async def work() -> None:
            raise ValueError("broken")

        tasks.spawn(work())
        await tasks.wait(1.0)

    asyncio.run(run())
    (record,) = caplog.records
    assert record.getMessage() == "a task of the test failed"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "broken"


def test_closing_cancels_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> bool:
        tasks = TaskSupervisor(LOG, "a task")
        task = tasks.spawn(asyncio.sleep(3600))
        await asyncio.sleep(0)
        await tasks.close(1.0)
        return task.cancelled()

    assert asyncio.run(run())
    assert not caplog.records


def test_a_task_that_does_not_end_is_given_up_after_the_patience() -> None:
    async def run() -> bool:
        tasks, free = TaskSupervisor(LOG, "a task"), asyncio.Event()

        async def stubborn() -> None:
            while not free.is_set():
                try:
                    await free.wait()
                except asyncio.CancelledError:
                    continue

        task = tasks.spawn(stubborn())
        await asyncio.sleep(0)
        await tasks.close(0.01)
        running = not task.done()
        free.set()
        await tasks.wait(1.0)
        return running

    assert asyncio.run(run())
