"""Delivery of one room's frames to many readers."""

from __future__ import annotations

import asyncio

from madang.chat.room import Room
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.fan_out import FanOut
from tests.support.chat_room import WALL, FakeReader, event, message, state


def test_frames_wait_for_the_end_of_the_turns_before_and_go_together() -> None:
    async def run() -> None:
        room, counters = Room(state(), (), now=0.0), ChatCounters()
        fan_out = FanOut(counters, tick=0.0, readers_per_turn=1)
        one, two, late = FakeReader(), FakeReader(), FakeReader()

        def send(text: str) -> None:
            room.apply(event(message(text)), now=0.0, wall=WALL)
            fan_out.flush(room)

        for reader in (one, two):
            fan_out.enter(room, reader)
        for text in ("first", "second", "third"):
            send(text)
        fan_out.enter(room, late)  # has all three with the history
        send("fourth")
        assert two.texts() == []
        for _ in range(10):
            await asyncio.sleep(0)
        assert late.texts() == [["fourth"]]
        for reader in (one, two):
            assert reader.texts() == [["first"], ["second", "third"], ["fourth"]]
        assert counters.deliveries == 4 * 2 + 1

    asyncio.run(run())


def test_a_busy_room_sends_once_a_tick() -> None:
    async def run() -> None:
        room = Room(state(), (), now=0.0)
        fan_out = FanOut(ChatCounters(), tick=0.5)
        reader = FakeReader()
        fan_out.enter(room, reader)

        async def send(text: str) -> None:
            room.apply(event(message(text)), now=0.0, wall=WALL)
            fan_out.schedule(room)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        for text in ("at once", "a tick later", "with it"):
            await send(text)
        assert reader.texts() == [["at once"]]
        await asyncio.sleep(0.6)
        assert reader.texts() == [["at once"], ["a tick later", "with it"]]

    asyncio.run(run())
