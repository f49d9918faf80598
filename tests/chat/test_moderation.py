"""Actions of moderators on a chat in memory, and their undoing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from madang.chat import moderation
from madang.chat.errors import ChatRefused
from madang.chat.history import KEPT, SHOWN, History
from madang.chat.ids import Ids, is_id, milliseconds_of
from madang.chat.model import Account, Emote, Message, Mode, ModerationAction, Role, instant
from madang.chat.state import ChatState, Participant, clean_text
from madang.chat.word_filter import WordFilter

NOW = 1_800_000_000_000
OWNER = Account(1, "olive", admin=False)
MODERATOR = Account(2, "mo", admin=False)
MEMBER = Account(3, "minji", admin=False)
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


def message(number: int, person: str = "u3", name: str = "minji", text: str = "hi") -> Message:
    return Message(f"{number:018x}", NOW, person, name, Role.MEMBER, text)


TIMED_OUT_UNTIL = "2027-01-15T08:01:00.000Z"


class Chat:
    """A chat with an owner, a moderator and three messages, two of them minji's."""

    def __init__(self) -> None:
        history = History([message(1), message(2, "gaa", "guest"), message(3)])
        self.state = ChatState(7, "yard", 1, "olive", moderators={2: "mo"}, history=history)
        self.actions: dict[str, ModerationAction] = {}

    def do(self, who: Account, request: dict[str, Any]) -> moderation.ActionResult:
        action = moderation.decide(
            self.state,
            self.state.participant(who),
            request,
            action_id=f"{100 + len(self.actions):018x}",
            now=NOW,
            find_reader=lambda _: None,
            actions=self.actions,
        )
        self.actions[action.id] = action
        return moderation.apply(self.state, action, self.actions.get(action.undoes))

    def texts(self) -> list[str]:
        return self.state.history.ids()


@pytest.fixture
def chat() -> Chat:
    return Chat()


def updates(outcome: moderation.ActionResult) -> list[tuple[str, Any]]:
    return [(each.event, each.payload) for each in outcome.updates if not each.moderators_only]


def test_roles() -> None:
    state = Chat().state
    assert state.participant(OWNER) == Participant("u1", "olive", Role.OWNER, True, False, 1)
    assert state.participant(MODERATOR).role is Role.MODERATOR
    assert not state.participant(MODERATOR).manages
    assert state.participant(MEMBER).role is Role.MEMBER
    admin = state.participant(replace(MEMBER, admin=True))
    assert (admin.role, admin.manages) == (Role.MODERATOR, True)


def test_a_message_is_deleted_and_comes_back(chat: Chat) -> None:
    gone = chat.texts()[0]
    assert updates(chat.do(MODERATOR, {"act": "delete", "id": gone})) == [
        ("delete", {"ids": [gone]})
    ]
    assert gone not in chat.texts()
    [(event, payload)] = updates(chat.do(MODERATOR, {"act": "undo"}))
    assert (event, [one.id for one in payload["messages"]]) == ("messages", [gone])
    assert payload["messages"][0].restored
    assert gone in chat.texts()


def test_a_time_out_takes_messages_away_and_keeps_quiet_until_it_is_over(chat: Chat) -> None:
    outcome = chat.do(MODERATOR, {"act": "timeout", "name": "Minji", "seconds": 60, "reason": "x"})
    assert updates(outcome) == [("clear", {"person": "u3"})]
    assert outcome.people == {"u3"}
    assert len(chat.texts()) == 1
    minji = chat.state.participant(MEMBER)
    refused = chat.state.write_block(minji, NOW / 1000 + 20)
    assert refused is not None
    assert (refused.code, refused.retry_after) == ("timed_out", 40.0)
    assert chat.state.write_block(minji, NOW / 1000 + 60) is None
    me = chat.state.me(minji, NOW / 1000)
    assert (me["may_write"], me["reason"], me["until"]) == (
        False,
        "timed_out",
        "2027-01-15T08:01:00Z",
    )


def test_moderators_are_told_who_is_banned_or_timed_out(chat: Chat) -> None:
    def told(request: dict[str, Any]) -> list[dict[str, Any]]:
        outcome = chat.do(MODERATOR, request)
        [update] = [each for each in outcome.updates if each.event == "sanctions"]
        assert update.moderators_only
        assert not update.payload["all"]
        return list(update.payload["people"])

    timed_out = {"person": "u3", "name": "minji", "kind": "timeout", "until": TIMED_OUT_UNTIL}
    banned = {"person": "u3", "name": "minji", "kind": "ban"}
    free = {"person": "u3", "name": "minji", "kind": "none"}
    assert told({"act": "timeout", "person": "u3", "seconds": 60}) == [timed_out]
    assert told({"act": "ban", "person": "u3"}) == [banned]
    assert chat.state.sanctioned(NOW / 1000) == {"people": [banned], "all": True}
    assert told({"act": "undo"}) == [timed_out]
    assert chat.state.sanctioned(NOW / 1000 + 60) == {"people": [], "all": True}
    assert told({"act": "untimeout", "person": "u3"}) == [free]
    assert told({"act": "ban", "person": "u3"}) == [banned]
    assert told({"act": "unban", "name": "Minji"}) == [free]


def test_undoing_a_ban_brings_back_the_time_out_before_it(chat: Chat) -> None:
    chat.do(MODERATOR, {"act": "timeout", "person": "u3", "seconds": 60})
    chat.do(MODERATOR, {"act": "ban", "person": "u3"})
    minji = chat.state.participant(MEMBER)
    refused = chat.state.write_block(minji, NOW / 1000)
    assert refused is not None
    assert refused.code == "banned"
    chat.do(MODERATOR, {"act": "undo"})
    refused = chat.state.write_block(minji, NOW / 1000)
    assert refused is not None
    assert refused.code == "timed_out"
    chat.do(MODERATOR, {"act": "undo"})
    assert chat.state.write_block(minji, NOW / 1000) is None
    assert len(chat.texts()) == 3
    with pytest.raises(ChatRefused, match="nothing to undo"):
        chat.do(MODERATOR, {"act": "undo"})


@pytest.mark.parametrize(
    ("request_", "mode"),
    [
        ({"act": "slow", "seconds": 30}, Mode(slow=30)),
        ({"act": "members_only", "on": True}, Mode(members_only=True)),
        ({"act": "emote_only", "on": True}, Mode(emote_only=True)),
        ({"act": "guests", "on": False}, Mode(guests=False)),
        ({"act": "links", "to": "off"}, Mode(links="off")),
    ],
)
def test_a_mode_is_set_and_taken_back(chat: Chat, request_: dict[str, Any], mode: Mode) -> None:
    assert updates(chat.do(OWNER, request_)) == [("mode", mode.as_json())]
    assert chat.state.mode == mode
    chat.do(OWNER, {"act": "undo"})
    assert chat.state.mode == Mode()


def test_a_pin_is_set_and_taken_back(chat: Chat) -> None:
    pinned = chat.texts()[0]
    [(event, payload)] = updates(chat.do(MODERATOR, {"act": "pin", "id": pinned}))
    assert (event, payload["message"]["id"]) == ("pin", pinned)
    assert updates(chat.do(MODERATOR, {"act": "undo"})) == [("pin", {"message": None})]


def test_only_the_owner_chooses_moderators(chat: Chat) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.do(MODERATOR, {"act": "mod", "name": "minji"})
    assert caught.value.code == "not_allowed"
    chat.do(OWNER, {"act": "mod", "name": "minji"})
    assert chat.state.participant(MEMBER).role is Role.MODERATOR
    chat.do(OWNER, {"act": "undo"})
    assert chat.state.participant(MEMBER).role is Role.MEMBER


@pytest.mark.parametrize(
    ("who", "request_", "code"),
    [
        (MEMBER, {"act": "clear"}, "not_allowed"),
        (MODERATOR, {"act": "ban", "person": "u1"}, "not_allowed"),
        (MODERATOR, {"act": "ban", "person": "u2"}, "not_allowed"),
        (MODERATOR, {"act": "ban", "name": "nobody"}, "unknown_person"),
        (MODERATOR, {"act": "ban", "person": "u" + "x"}, "unknown_person"),
        (MODERATOR, {"act": "ban"}, "unknown_person"),
        (MODERATOR, {"act": "unban", "name": "minji"}, "unknown_person"),
        (MODERATOR, {"act": "timeout", "person": "u3", "seconds": 0}, "bad_payload"),
        (MODERATOR, {"act": "timeout", "person": "u3", "seconds": True}, "bad_payload"),
        (MODERATOR, {"act": "timeout", "person": "u3", "seconds": 10**9}, "bad_payload"),
        (MODERATOR, {"act": "delete", "id": "f" * 18}, "unknown_message"),
        (MODERATOR, {"act": "delete", "id": 5}, "bad_payload"),
        (MODERATOR, {"act": "links", "to": "some"}, "bad_payload"),
        (MODERATOR, {"act": "guests", "on": 1}, "bad_payload"),
        (MODERATOR, {"act": "dance"}, "unknown_act"),
        (MODERATOR, {}, "unknown_act"),
        (OWNER, {"act": "mod", "person": "gaa"}, "unknown_person"),
    ],
)
def test_what_is_not_possible_is_refused_in_words(
    chat: Chat, who: Account, request_: dict[str, Any], code: str
) -> None:
    with pytest.raises(ChatRefused) as caught:
        chat.do(who, request_)
    assert caught.value.code == code
    assert not chat.actions


def test_since_gives_exactly_what_came_after_it_once() -> None:
    history = History(message(number) for number in range(200))
    history.delete([f"{150:018x}", f"{20:018x}"], "act")
    missed = history.backlog(f"{100:018x}")
    assert [int(one.id, 16) for one in missed.messages] == [*range(101, 150), *range(151, 200)]
    assert (missed.recovered, missed.gap) == (True, False)
    assert missed.deleted == [f"{150:018x}", f"{20:018x}"]
    assert history.backlog(f"{199:018x}").messages == []


def test_a_newcomer_gets_the_last_fifty_and_a_latecomer_is_told_of_the_gap() -> None:
    history = History(message(number) for number in range(KEPT + 10))
    newcomer = history.backlog(None)
    assert len(newcomer.messages) == SHOWN
    assert (newcomer.recovered, newcomer.gap) == (False, False)
    latecomer = history.backlog(f"{5:018x}")
    assert (len(latecomer.messages), latecomer.recovered, latecomer.gap) == (SHOWN, False, True)


def test_ids_rise_over_processes_whose_clocks_differ() -> None:
    fast, slow = Ids(1), Ids(2)
    made = fast.make(NOW + 5000)
    slow.saw(made)
    assert slow.make(NOW) > made
    many = [slow.make(NOW) for _ in range(10_000)]
    assert many == sorted(set(many))
    assert all(is_id(one) for one in many)
    assert abs(milliseconds_of(fast.make(NOW + 6000)) - NOW - 6000) <= 1


def test_a_time_out_is_no_longer_where_the_clock_is_set_back() -> None:
    chat = Chat()
    chat.do(MODERATOR, {"act": "timeout", "person": "u3", "seconds": 60})
    before = NOW / 1000 - 7200
    blocked = chat.state.write_block(chat.state.participant(MEMBER), before)
    assert blocked is not None
    assert blocked.retry_after == 60
    assert chat.state.sanction_on("u3", before + 59) is not None
    assert chat.state.sanction_on("u3", before + 61) is None
    chat.do(MODERATOR, {"act": "ban", "person": "u3"})
    assert chat.state.sanction_on("u3", before) is not None


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "👍🏽 🎉",
        "🇰🇷",
        ":drum: 👏",
        "❤️",
        ENGLAND,
        "1️⃣#️⃣ 5\u20e3",
        "👩🏽\u200d🚀",
        "🧑🏻\u200d❤️\u200d💋\u200d🧑🏿",
        "🏳️\u200d🌈",
    ],
)
def test_emotes_and_emoji_pass_where_nothing_else_does(text: str) -> None:
    state = Chat().state
    state.mode = Mode(emote_only=True)
    state.emotes = (Emote("drum", "/emotes/a.webp", 112, 112, False),)
    state.check_text(state.participant(MEMBER), text)
    assert clean_text(text) == text
    for other in (f"{text} hi", ":dance:", f"{text}5", "\u200d", "\ufe0f", "🇰"):
        with pytest.raises(ChatRefused, match="Only emotes"):
            state.check_text(state.participant(MEMBER), other)


@pytest.mark.parametrize("text", ["http://x", "see www.x", "go to example.com now", "HTTPS://a"])
def test_links_are_seen(text: str) -> None:
    state = Chat().state
    state.mode = Mode(links="moderators")
    with pytest.raises(ChatRefused) as caught:
        state.check_text(state.participant(MEMBER), text)
    assert caught.value.code == "links_off"
    state.check_text(state.participant(MODERATOR), text)
    state.check_text(state.participant(MEMBER), "no link. Really. 3.5 and e.g. this")


def test_unwanted_words_are_refused_in_texts_and_names() -> None:
    state = Chat().state
    state.words = WordFilter(["바보"])
    with pytest.raises(ChatRefused) as caught:
        state.check_text(state.participant(MEMBER), "바 보")
    assert caught.value.code == "words"
    with pytest.raises(ChatRefused) as caught:
        state.guest_name("바보", lambda _: False)
    assert caught.value.code == "bad_name"


@pytest.mark.parametrize("name", ["", " ", "a  b", ".dot", "x" * 25, "a\nb", "<b>", None, 5, "a@b"])
def test_names_that_do_not_fit(name: object) -> None:
    with pytest.raises(ChatRefused) as caught:
        Chat().state.guest_name(name, lambda _: False)
    assert caught.value.code == "bad_name"


@pytest.mark.parametrize(
    "name", ["olive", "OLIVE", "0live", "oIive", "ⲟlive", "ᴏʟɪᴠᴇ", "o1ive", "mo", "ｍｏ", "мо"]
)
def test_nobody_takes_the_name_of_the_owner_or_a_moderator(name: str) -> None:
    with pytest.raises(ChatRefused) as caught:
        Chat().state.guest_name(name, lambda _: False)
    assert caught.value.code == "name_taken"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("  hi  ", "hi"),
        ("a\r\nb", "a  b"),
        ("\u202eevil", "evil"),
        ("z\u0300\u0301\u0302\u0303\u0304", "z\u0300\u0301"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("a\x00b", "ab"),
        ("می\u200cخواهم\u200c a\u200cb", "می\u200cخواهم ab"),
        ("བསྒྲུབས་ ที่นี่ नागेन्द्र", "བསྒྲུབས་ ที่นี่ नागेन्द्र"),
        ("a" + ENGLAND[1:] + ENGLAND, "a" + ENGLAND),
    ],
)
def test_a_text_is_freed_of_what_only_disturbs(given: str, text: str) -> None:
    assert clean_text(given) == text


@pytest.mark.parametrize(
    ("given", "code"),
    [("", "empty"), (" \u200b ", "empty"), ("x" * 501, "too_long"), (None, "bad_payload")],
)
def test_texts_that_do_not_fit(given: object, code: str) -> None:
    with pytest.raises(ChatRefused) as caught:
        clean_text(given)
    assert caught.value.code == code


def test_an_instant_is_written_as_rfc_3339() -> None:
    assert instant(NOW + 45) == "2027-01-15T08:00:00.045Z"
    assert instant(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("name", ["राहुल", "สมชาย", "தமிழ்", "প্রিয়া", "བསྟན་འཛིན", "مهدی\u200cنیا"])
def test_guests_have_names_in_any_script_and_are_mentioned(name: str) -> None:
    state = Chat().state
    assert state.guest_name(name, lambda _: False) == name
    assert state.mentions(f"hi @{name}, and @nobody", lambda known: known == name) == (name,)


@pytest.mark.parametrize("text", ["@alice,@bob", "@@alice @bob", "(@alice)@bob", "@alice@bob"])
def test_names_that_touch_are_both_mentioned(text: str) -> None:
    assert set(Chat().state.mentions(text, {"alice", "bob"}.__contains__)) == {"alice", "bob"}
