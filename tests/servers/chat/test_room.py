"""A chat that is opened or read again while the database does not know everything yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from madang.chat.bus_events import BusEvent
from madang.chat.history import KEPT
from madang.chat.ids import Ids
from madang.chat.model import Message, Mode, ModerationAction, Role
from madang.chat.state import ChatState, Speaker
from madang.servers.chat import room as room_module
from madang.servers.chat.counters import ChatCounters
from madang.servers.chat.room import Room
from tests.support.windows import sends, window

IDS = Ids(1)
NOW = 1_777_000_000_000


def said(text: str, person: str = "g1") -> Message:
    return Message(IDS.make(NOW), NOW, person, "minji", Role.GUEST, text)


def act(kind: str, **fields: Any) -> ModerationAction:
    return ModerationAction(IDS.make(NOW), NOW, "u1", "olive", kind, **fields)


def note(value: Message | ModerationAction) -> BusEvent:
    return BusEvent("other", 1, "yard", "say" if isinstance(value, Message) else "act", value)


def state(*messages: Message, mode: Mode | None = None) -> ChatState:
    made = ChatState(1, "yard", 1, "olive", mode or Mode())
    for message in messages:
        made.history.add(message)
    return made


def with_room(story: Callable[[Room], None], found: ChatState, *acts: ModerationAction) -> None:
    async def run() -> None:
        story(Room(asyncio.get_running_loop(), found, acts, ChatCounters()))

    asyncio.run(run())


def texts(room: Room) -> list[str]:
    return [message.text for message in room.state.history.joining(None).messages]


def test_what_the_database_does_not_have_yet_is_taken_from_the_last_notes() -> None:
    first, second, third = said("first"), said("second"), said("third")
    gone = act("delete", ids=(second.id,))

    def story(room: Room) -> None:
        room.catch_up(map(note, (first, second, gone, third)))
        assert texts(room) == ["first", "third"]

    with_room(story, state(first))


def test_what_the_database_has_deleted_does_not_come_back_from_the_last_notes() -> None:
    first, second = said("first"), said("second")
    gone = act("delete", ids=(first.id,))

    def story(room: Room) -> None:
        room.catch_up(map(note, (first, gone, second)))
        assert texts(room) == ["second"]

    # The database leaves deleted messages out, and knows the act.
    with_room(story, state(second), gone)


def test_notes_older_than_what_is_kept_are_not_taken_for_new() -> None:
    old = [said(f"old {number}") for number in range(5)]
    kept = [said(f"{number}") for number in range(KEPT)]

    def story(room: Room) -> None:
        room.catch_up(map(note, (*old, *kept)))
        assert len(room.state.history) == KEPT
        assert texts(room)[-1] == str(KEPT - 1)

    with_room(story, state(*kept))


def test_a_rule_that_was_set_since_is_not_undone_by_an_act_that_is_kept() -> None:
    slow = act("slow", before={"slow": 0}, after={"slow": 30})

    def story(room: Room) -> None:
        room.catch_up([note(slow)])
        assert room.state.mode.slow == 5

    with_room(story, state(mode=Mode(slow=5)), slow)


def test_settings_that_are_read_again_keep_a_ban_that_is_not_in_the_database_yet() -> None:
    ban = act("ban", person="g1", name="minji")

    def story(room: Room) -> None:
        room.take(note(said("buy things")))
        room.take(note(ban))
        fresh = state(mode=Mode(links="off"))
        room.renew(fresh, [ban])
        assert room.state.mode.links == "off"
        assert room.state.sanction_on("g1", NOW / 1000) is not None
        room.renew(state(), [])
        assert room.state.sanction_on("g1", NOW / 1000) is None, "lifted, as the database says"

    with_room(story, state())


def test_what_was_said_apart_is_no_place_from_which_the_rest_can_be_given() -> None:
    here, there, together = said("here"), said("there"), said("together")

    def story(room: Room) -> None:
        room.take(note(here))
        room.take(BusEvent("other", 1, "yard", "say", there, apart=True))
        room.take(note(together))
        room.flush()
        history = room.state.history
        # Who was at the other process has `there`, and may lack `here`, which came before it here.
        from_there = history.joining(there.id)
        assert (from_there.recovered, from_there.gap) == (False, True)
        assert [message.text for message in from_there.messages] == ["here", "there", "together"]
        assert history.joining(here.id).recovered
        assert history.joining(together.id).recovered

    with_room(story, state())


def test_slow_mode_counts_what_another_process_let_in() -> None:
    def story(room: Room) -> None:
        room.take(note(said("once", "u7")))
        assert "u7" in room.last_said

    with_room(story, state(mode=Mode(slow=30)))


def test_while_readers_are_being_served_what_comes_waits_and_goes_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_module, "AT_ONCE", 1)
    first, second, third = said("first"), said("second"), said("third")

    async def run() -> None:
        room = Room(asyncio.get_running_loop(), state(), (), ChatCounters())
        guest = Speaker("g2", "", Role.GUEST)
        with window(guest) as (one, at_one), window(guest) as (two, at_two):
            for reader in (one, two):
                room.enter(reader)
            for message in (first, second, third):
                room.take(note(message))
                room.flush()
            with window(guest) as (late, at_late):
                # Has all three with the history, and must not be sent them again.
                assert texts(room) == ["first", "second", "third"]
                room.enter(late)
                room.take(note(said("fourth")))
                room.flush()
                await asyncio.sleep(0.05)
                assert sends(at_late) == [["fourth"]]
            for end in (at_one, at_two):
                assert sends(end) == [["first"], ["second", "third"], ["fourth"]]
            assert room.counters.deliveries == 4 * 2 + 1

    asyncio.run(run())
