"""One suite for every bus: each process gets every note once, all in one order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from madang.chat.bus_events import BusEvent
from madang.servers.chat.bus import Bus
from madang.servers.chat.redis_bus import RedisBus
from tests.support.stores import Server
from tests.support.waiting import until


class Member:
    """A process at a bus: `heard` is what was delivered to it."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.name = name
        self.bus = bus
        self.heard: list[tuple[str, int]] = []
        self._number = 0

    def say(self, count: int = 1) -> None:
        for _ in range(count):
            self._number += 1
            body = {"text": f"{self._number} 마당"}
            self.bus.publish(BusEvent(self.name, self._number, "yard", "say", body))

    def take(self, note: BusEvent) -> None:
        assert note.body == {"text": f"{note.number} 마당"}
        self.heard.append((note.origin, note.number))


@asynccontextmanager
async def together(*buses: Bus) -> AsyncIterator[list[Member]]:
    members = [Member(f"node{number}", bus) for number, bus in enumerate(buses)]
    for member in members:
        await member.bus.start(member.take)
    try:
        yield members
    finally:
        for member in members:
            await member.bus.close()


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())


def test_everybody_hears_everything_once_in_one_order(make: Callable[[], list[Bus]]) -> None:
    async def story() -> None:
        async with together(*make()) as members:
            await until(lambda: all(member.bus.connected for member in members))
            for _ in range(20):
                for member in members:
                    member.say(10)
                await asyncio.sleep(0)
            await until(lambda: all(len(m.heard) == 200 * len(members) for m in members))
            for member in members:
                assert member.heard == members[0].heard
                assert len(set(member.heard)) == len(member.heard)

    run(story)


def test_what_was_said_just_before_one_came_is_heard_by_it(redis: Server) -> None:
    async def story() -> None:
        async with together(RedisBus(redis.url, "test:late")) as [early]:
            await until(lambda: early.bus.connected)
            early.say(3)
            await until(lambda: len(early.heard) == 3)
            async with together(RedisBus(redis.url, "test:late")) as [late]:
                await until(lambda: late.heard == early.heard)

    run(story)


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_without_redis_each_goes_on_alone_and_then_all_hear_the_rest(
    redis: Server, way: str
) -> None:
    async def story() -> None:
        buses = [RedisBus(redis.url, f"test:{way}") for _ in range(2)]
        async with together(*buses) as [one, other]:
            await until(lambda: one.bus.connected and other.bus.connected)
            one.say()
            await until(lambda: len(other.heard) == 1)
            redis.kill() if way == "killed" else redis.freeze()
            one.say(5)
            other.say(5)
            await until(lambda: len(one.heard) == 6 and len(other.heard) == 6)
            assert not one.bus.connected
            one.say()
            assert one.heard[-1] == ("node0", 7), "alone, what is said is heard at once"
            redis.start() if way == "killed" else redis.thaw()
            await until(lambda: len(one.heard) == 12 and len(other.heard) == 12)
            await until(lambda: one.bus.connected and other.bus.connected)
            one.say()
            await until(lambda: one.heard[-1] == other.heard[-1] == ("node0", 8))
            assert len(set(one.heard)) == len(set(other.heard)) == 13

    run(story)
