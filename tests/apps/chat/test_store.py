"""Messages and acts in the database: written twice without harm, undone, and deleted in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel
    from madang.chat.model import Message, ModerationAction

NOW = 1_800_000_000_000


@pytest.fixture
def channel(db: None) -> Channel:
    return make_channel(owner=make_user("olive"))


def said(number: int, at: int = NOW) -> Message:
    from madang.chat.model import Message, Role

    answers = {"id": "0", "name": "ada", "text": "왜?"} if number % 2 else None
    return Message(
        f"{number:018x}", at, "u9", "minji", Role.MEMBER, f"text {number}", reply_to=answers
    )


def act(number: int, kind: str, **fields: Any) -> ModerationAction:
    from madang.chat.model import ModerationAction

    return ModerationAction(f"{number:018x}", NOW, "u1", "olive", kind, **fields)


def shown(channel: Channel) -> list[int]:
    from madang.apps.chat import store

    return [int(message.id, 16) for message in store.last_messages(channel.pk, 100)]


def test_what_comes_twice_is_kept_once(channel: Channel) -> None:
    from madang.apps.chat import store
    from madang.apps.chat.models import ChatAct

    store.save_messages([(channel.pk, said(1)), (channel.pk, said(2))])
    store.save_messages([(channel.pk, said(2)), (channel.pk, said(3))])
    assert shown(channel) == [1, 2, 3]
    assert store.last_messages(channel.pk, 2) == [said(2), said(3)]
    for _ in range(2):
        store.save_action(channel.pk, act(9, "delete", ids=(said(1).id,)))
    assert ChatAct.objects.count() == 1
    assert shown(channel) == [2, 3]


def test_the_ban_of_an_address_hides_what_its_guests_wrote_until_it_is_undone(
    channel: Channel,
) -> None:
    from madang.apps.chat import services, store
    from madang.chat.people import address_of, guest

    pupils = [guest(b"salt", "192.0.2.7", device) for device in "ab"]
    written = [*pupils, guest(b"salt", "192.0.2.8", "a"), "u9"]
    entries = [replace(said(number), person=person) for number, person in enumerate(written)]
    store.save_messages([(channel.pk, entry) for entry in entries])
    ban = act(9, "ban", person=address_of(pupils[0]), name="mia", before={"sanction": None})
    store.save_action(channel.pk, ban)
    assert shown(channel) == [2, 3]
    state = services.open_chat("yard")
    assert [state.sanction_on(each, NOW / 1000) is not None for each in written] == [
        *(True, True),
        *(False, False),
    ]
    [row] = services.bans(channel)
    assert row.is_address
    store.save_action(channel.pk, act(10, "undo", undoes=ban.id))
    assert shown(channel) == [0, 1, 2, 3]


def test_a_ban_holds_after_a_restart_until_it_is_undone(channel: Channel) -> None:
    from madang.apps.chat import services, store

    store.save_messages([(channel.pk, said(1))])
    ban = act(5, "ban", person="u9", name="minji", before={"sanction": None}, reason="spam")
    store.save_action(channel.pk, ban)
    state = services.open_chat("yard")
    sanction = state.sanction_on("u9", NOW / 1000)
    assert sanction is not None
    assert (sanction.until, sanction.reason) == (None, "spam")
    assert shown(channel) == []
    assert store.recent_acts(channel.pk, 5) == [ban]
    assert [message.id for message in store.hidden_by(channel.pk, ban.id)] == [said(1).id]
    store.save_action(channel.pk, act(6, "undo", undoes=ban.id))
    assert services.open_chat("yard").sanctions == {}
    assert shown(channel) == [1]


def test_modes_pins_and_moderators_are_kept_and_undone(channel: Channel) -> None:
    from madang.apps.chat import services, store

    user = make_user("mo")
    done = [
        act(1, "slow", before={"slow": 0}, after={"slow": 30}),
        act(2, "pin", before={"pinned": None}, after={"pinned": said(1).as_json()}),
        act(3, "mod", person=f"u{user.pk}", name="mo", after={"account": user.pk}),
    ]
    for one in done:
        store.save_action(channel.pk, one)
    state = services.open_chat("yard")
    assert (state.mode.slow, state.moderators) == (30, {user.pk: "mo"})
    assert state.pinned is not None
    for number, one in enumerate(done):
        store.save_action(channel.pk, act(10 + number, "undo", undoes=one.id))
    state = services.open_chat("yard")
    assert (state.mode.slow, state.moderators, state.pinned) == (0, {}, None)


def test_clearing_reaches_what_is_no_longer_in_memory(channel: Channel) -> None:
    from madang.apps.chat import store

    store.save_messages([(channel.pk, said(number)) for number in range(1, 20)])
    store.save_action(channel.pk, act(15, "clear"))
    assert shown(channel) == [15, 16, 17, 18, 19]


def test_messages_are_deleted_when_their_time_is_over(channel: Channel) -> None:
    from madang.apps.chat import services, store

    now = datetime.now(UTC)
    old = round((now - timedelta(days=10)).timestamp() * 1000)
    store.save_messages(
        [
            (channel.pk, said(1, old)),
            (channel.pk, replace(said(2), at=round(now.timestamp() * 1000))),
        ]
    )
    assert store.prune(now, {}) == 0
    services.change_settings(channel, retention_days=9)
    assert store.prune(now, {}) == 1
    assert shown(channel) == [2]
