"""A room that is opened or reloaded while the database does not hold everything yet."""

from __future__ import annotations

from collections.abc import Iterable

from madang.chat.bus_events import BusEvent
from madang.chat.errors import ChatRefused
from madang.chat.history import KEPT
from madang.chat.model import Mode, ModerationAction, Role
from madang.chat.room import SLOW_MODE_PEOPLE, Room
from madang.chat.state import ChatState, Participant
from tests.support.chat_room import WALL, FakeReader, action, event, message, state


def opened(found: ChatState, *actions: ModerationAction) -> Room:
    return Room(found, actions, now=0.0)


def catch_up(room: Room, events: Iterable[BusEvent]) -> None:
    room.catch_up(events, now=0.0, wall=WALL)


def apply(room: Room, *events: BusEvent) -> None:
    for each in events:
        room.apply(each, now=0.0, wall=WALL)


def texts(room: Room) -> list[str]:
    return [each.text for each in room.state.history.backlog(None).messages]


def test_messages_that_the_database_lacks_come_from_recent_events() -> None:
    first, second, third = message("first"), message("second"), message("third")
    delete = action("delete", ids=(second.id,))
    room = opened(state(first))
    catch_up(room, map(event, (first, second, delete, third)))
    assert texts(room) == ["first", "third"]


def test_messages_that_the_database_hides_do_not_come_back_from_recent_events() -> None:
    first, second = message("first"), message("second")
    delete = action("delete", ids=(first.id,))
    room = opened(state(second), delete)  # hidden messages are left out, the action is known
    catch_up(room, map(event, (first, delete, second)))
    assert texts(room) == ["second"]


def test_events_older_than_the_history_are_not_taken_for_new() -> None:
    old = [message(f"old {number}") for number in range(5)]
    kept = [message(f"{number}") for number in range(KEPT)]
    room = opened(state(*kept))
    catch_up(room, map(event, (*old, *kept)))
    assert len(room.state.history) == KEPT
    assert texts(room)[-1] == str(KEPT - 1)


def test_a_saved_action_does_not_undo_a_later_setting() -> None:
    slow = action("slow", before={"slow": 0}, after={"slow": 30})
    room = opened(state(mode=Mode(slow=5)), slow)
    catch_up(room, [event(slow)])
    assert room.state.mode.slow == 5


def test_a_clear_in_recent_events_spares_later_messages_of_the_database() -> None:
    first, clear, second = message("first"), action("clear"), message("second")
    room = opened(state(second))
    catch_up(room, map(event, (first, clear)))
    assert texts(room) == ["second"]


def test_a_reload_keeps_a_ban_that_is_not_in_the_database_yet() -> None:
    ban = action("ban", person="g1", name="minji")
    room = opened(state())
    apply(room, event(message("buy things")), event(ban))
    room.reload(state(mode=Mode(links="off")), [ban], WALL)
    assert room.state.mode.links == "off"
    assert room.state.sanction_on("g1", WALL) is not None
    room.reload(state(), [], WALL)
    assert room.state.sanction_on("g1", WALL) is None, "lifted, as the database says"


def test_a_reload_keeps_what_the_bus_has_yet_to_return() -> None:
    slow = action("slow", before={"slow": 0}, after={"slow": 30})
    room = opened(state())
    room.expect_action(slow)
    room.reload(state(mode=Mode(links="off")), [], WALL)
    assert (room.state.mode.slow, room.expected.mode.slow) == (0, 30)
    assert room.expected.mode.links == "off"
    apply(room, event(slow))
    assert room.state.mode.slow == 30
    assert room.expected is room.state


def test_nobody_resumes_from_a_message_of_a_partition() -> None:
    here, there, together = message("here"), message("there"), message("together")
    room = opened(state())
    apply(room, event(here), event(there, partitioned=True), event(together))
    room.encode_pending()
    history = room.state.history
    # Readers of the other process have `there`, and may lack `here`, which came before it here.
    from_there = history.backlog(there.id)
    assert (from_there.recovered, from_there.gap) == (False, True)
    assert [each.text for each in from_there.messages] == ["here", "there", "together"]
    assert history.backlog(here.id).recovered
    assert history.backlog(together.id).recovered


def test_a_ban_hides_messages_that_its_moderator_had_not_seen() -> None:
    seen, unseen = message("seen"), message("unseen")
    ban = action("ban", person="g1", name="minji", ids=(seen.id,))
    undo = action("undo", undoes=ban.id)
    later = message("later", "g3")
    room = opened(state())
    apply(room, *map(event, (seen, unseen, ban, later)))
    room.encode_pending()
    assert texts(room) == ["later"]
    apply(room, event(undo))
    assert texts(room) == ["seen", "unseen", "later"]


def test_a_reader_who_enters_gets_no_updates_of_before() -> None:
    room = opened(state())
    apply(room, event(action("slow", before={"slow": 0}, after={"slow": 30})))
    assert room.take_output() is not None
    room.enter(FakeReader())
    assert room.take_output() is None


def test_slow_mode_forgets_the_first_of_very_many_and_not_the_last() -> None:
    def waits(person: str, now: float) -> bool:
        try:
            room.pass_slow_mode(Participant(person, "x", Role.GUEST), now)
        except ChatRefused:
            return True
        return False

    room = opened(state(mode=Mode(slow=3600)))
    assert not waits("g first", 0.0)
    assert waits("g first", 1.0)
    assert not any(waits(f"g{number}", 2.0) for number in range(SLOW_MODE_PEOPLE))
    assert waits(f"g{SLOW_MODE_PEOPLE - 1}", 3.0)
    assert not waits("g first", 3.0)
