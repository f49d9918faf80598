"""Who is in a chat: each person once, over one process and over several."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from madang.chat.bus_events import BusEvent
from madang.chat.model import Role
from madang.chat.state import ChatState, Speaker
from madang.servers.chat.bus import Bus
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.presence import OTHERS_HOLD, Presence
from madang.servers.chat.room import Room
from tests.support.waiting import until
from tests.support.windows import window

ADA = Speaker("u7", "Ada", Role.MEMBER, account=7)
SCHOOL = Speaker("g1", "minji", Role.GUEST)
HOME = Speaker("g2", "", Role.GUEST)


class Process:
    """One that serves the chat, and tells the others who is in it when asked to."""

    def __init__(self, name: str, bus: Bus) -> None:
        self.bus = bus
        self._name = name
        self._number = 0
        state = ChatState(1, "yard", 1, "olive")
        self.room = Room(asyncio.get_running_loop(), state, (), ChatCounters())

    def tell(self) -> None:
        self._number += 1
        self.bus.publish(BusEvent(self._name, self._number, "yard", "count", self.room.counted()))

    def take(self, note: BusEvent) -> None:
        if note.origin != self._name:
            self.room.take(note)


def test_a_person_counts_once_wherever_the_windows_are(make: Callable[[], list[Bus]]) -> None:
    async def story() -> None:
        processes = [Process(f"node{n}", bus) for n, bus in enumerate(make())]
        for process in processes:
            await process.bus.start(process.take)
        await until(lambda: all(process.bus.connected for process in processes))

        async def are_here(people: int, connected: int) -> None:
            def agreed() -> bool:
                for process in processes:
                    process.tell()
                expected = {"connected": connected, "people": people, "viewers": None}
                return all(process.room.presence(None) == expected for process in processes)

            await until(agreed)

        with contextlib.ExitStack() as open_windows:
            # Three windows of one person and one of another, as far apart as may be.
            seats = [
                (processes[n % len(processes)].room, open_windows.enter_context(window(who))[0])
                for n, who in enumerate((ADA, ADA, ADA, SCHOOL, SCHOOL, HOME))
            ]
            for room, connection in seats:
                room.enter(connection)
            await are_here(people=3, connected=6)
            for process in processes:
                assert process.room.called("ada") == ("u7", "Ada")
            for left, people in ((0, 3), (1, 3), (2, 2)):
                room, connection = seats[left]
                room.leave(connection)
                await are_here(people=people, connected=5 - left)
            for process in processes:
                assert process.room.called("ada") is None
        for process in processes:
            await process.bus.close()

    asyncio.run(story())


def between(one: Presence, other: Presence, now: float = 0.0) -> dict[str, Any]:
    """One tells the other who is here; returns what was told."""
    told = one.told(1)
    other.hear("one", told, now)
    return told


def test_only_what_changed_is_told_and_a_newcomer_is_told_everything() -> None:
    async def story() -> None:
        one, other = Presence(), Presence()
        with window(ADA) as (ada, _), window(SCHOOL) as (minji, _):
            one.enter(ada)
            first = between(one, other)
            assert (first["came"], first["all"]) == (["u7"], True)
            assert between(one, other) == {"connected": 1, "people": 1}, "nothing changed"
            one.enter(minji)
            one.leave(ada)
            told = between(one, other)
            assert (told["came"], told["went"]) == (["g1"], ["u7"])
            assert told["names"] == {"minji": ("g1", "minji"), "ada": ("", "")}
            assert (other.people, other.bearer("minji")) == (1, ("g1", "minji"))
            one.hear("other", other.told(0), 0.0)
            assert between(one, other)["all"], "one has met the other only now"

    asyncio.run(story())


def test_who_missed_something_asks_and_is_told_everything() -> None:
    async def story() -> None:
        one, other = Presence(), Presence()
        with window(ADA) as (ada, _), window(HOME) as (guest, _):
            one.enter(ada)
            between(one, other)
            one.hear("other", other.told(0), 0.0)
            between(one, other)
            one.enter(guest)
            one.told(2)  # the bus lost it
            between(one, other)
            assert other.people == 1
            asked = other.told(0)
            assert asked["ask"]
            one.hear("other", asked, 0.0)
            between(one, other)
            assert other.people == 2
            assert "ask" not in other.told(0)

            # Silent for too long, as while Redis is away: nobody there is believed to be here.
            other.forget(OTHERS_HOLD + 1.0)
            assert other.people == 0
            one.leave(guest)
            between(one, other, 20.0)
            one.hear("other", other.told(0), 20.0)
            between(one, other, 20.0)
            assert other.people == 1

    asyncio.run(story())
