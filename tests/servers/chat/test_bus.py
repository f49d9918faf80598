"""One suite for every bus: each process gets every event once, all in one order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from madang.chat.bus_events import BusEvent
from madang.servers.chat.bus import Bus
from madang.servers.chat.redis_bus import RedisBus
from tests.support.redis_buses import PATIENT
from tests.support.stores import Server
from tests.support.waiting import until


class Process:
    """A process on a bus; `received` is what was delivered to it."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.bus = bus
        self.received: list[tuple[str, int]] = []
        self._number = 0

    def publish(self, count: int = 1) -> None:
        for _ in range(count):
            self._number += 1
            body = {"text": f"{self._number} 마당"}
            self.bus.publish(BusEvent(self.name, self._number, "yard", "say", body))

    def receive(self, event: BusEvent) -> None:
        assert event.body == {"text": f"{event.number} 마당"}
        self.received.append((event.origin, event.number))


@asynccontextmanager
async def running(*buses: Bus) -> AsyncIterator[list[Process]]:
    processes = [Process(f"node{number}", bus) for number, bus in enumerate(buses)]
    for process in processes:
        await process.bus.start(process.receive)
    try:
        yield processes
    finally:
        for process in processes:
            await process.bus.close()


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


def test_every_process_gets_every_event_once_in_one_order(
    make: Callable[[], list[Bus]],
) -> None:
    async def story() -> None:
        async with running(*make()) as processes:
            await until(lambda: all(process.bus.connected for process in processes))
            for _ in range(20):
                for process in processes:
                    process.publish(10)
                await asyncio.sleep(0)
            total = 200 * len(processes)
            await until(lambda: all(len(each.received) == total for each in processes))
            for process in processes:
                assert process.received == processes[0].received
                assert len(set(process.received)) == total

    run(story)


def test_a_process_that_starts_gets_the_last_events(redis: Server) -> None:
    async def story() -> None:
        async with running(RedisBus(redis.url, "test:late", PATIENT)) as [early]:
            await until(lambda: early.bus.connected)
            early.publish(3)
            await until(lambda: len(early.received) == 3)
            async with running(RedisBus(redis.url, "test:late", PATIENT)) as [late]:
                await until(lambda: late.received == early.received)

    run(story)


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_without_redis_each_process_goes_on_alone_and_all_get_the_rest(
    redis: Server, way: str
) -> None:
    async def story() -> None:
        buses = [RedisBus(redis.url, f"test:{way}") for _ in range(2)]
        async with running(*buses) as [one, other]:
            await until(lambda: one.bus.connected and other.bus.connected)
            one.publish()
            await until(lambda: len(other.received) == 1)
            redis.kill() if way == "killed" else redis.freeze()
            one.publish(5)
            other.publish(5)
            await until(lambda: len(one.received) == 6 and len(other.received) == 6)
            assert not one.bus.connected
            one.publish()
            assert one.received[-1] == ("node0", 7), "alone, events are delivered at once"
            redis.start() if way == "killed" else redis.thaw()
            await until(lambda: len(one.received) == 12 and len(other.received) == 12)
            await until(lambda: one.bus.connected and other.bus.connected)
            one.publish()
            await until(lambda: one.received[-1] == other.received[-1] == ("node0", 8))
            assert len(set(one.received)) == len(set(other.received)) == 13

    run(story)
