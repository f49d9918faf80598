"""Decisions while the events that this process published have not returned from the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from madang.chat.ids import Ids
from madang.chat.model import Message, ModerationAction, Role

if TYPE_CHECKING:
    from tests.support.chat_processes import Chat, Play


def test_a_message_is_pinned_with_the_command_that_sends_it(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, guest = await chat.join("olive"), await chat.join("anna", at=1)
        await owner.say("before")
        await chat.settled()
        chat.hold()
        assert (await owner.say("/pin Welcome"))["ok"]
        await chat.release()
        for process in chat.processes:
            pinned = process.hub.rooms["yard"].state.pinned
            assert pinned is not None
            assert pinned["text"] == "Welcome"
        await guest.sees("before", "Welcome")

    play(story)


def test_the_first_message_is_pinned_as_well(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        assert (await owner.say("/pin"))["code"] == "unknown_message"
        chat.hold()
        assert (await owner.say("/pin Welcome"))["ok"]
        await chat.release()

    play(story)


def test_a_pin_without_text_takes_the_message_of_a_moment_ago(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        await owner.say("before")
        await chat.settled()
        chat.hold()
        latest = (await owner.say("latest"))["id"]
        assert (await owner.say("/pin"))["ok"]
        await chat.release()
        pinned = chat.at(1).hub.rooms["yard"].state.pinned
        assert pinned is not None
        assert pinned["id"] == latest

    play(story)


def test_a_message_of_a_moment_ago_is_answered_and_deleted(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, guest = await chat.join("olive"), await chat.join("anna", at=1)
        chat.hold()
        first = (await owner.say("first"))["id"]
        assert "id" in await owner.say("second", reply_to=first)
        assert (await owner.emit("moderate", {"act": "delete", "id": first}))["ok"]
        again = await owner.emit("moderate", {"act": "delete", "id": first})
        assert again["code"] == "unknown_message"
        assert (await owner.say("third", reply_to=first))["code"] == "unknown_message"
        await chat.release()
        await guest.sees("first", "second")
        assert [message.get("reply_to", {}).get("text") for message in guest.messages()] == [
            None,
            "first",
        ]
        assert (await chat.join("newcomer", at=2)).texts() == ["second"]

    play(story)


@pytest.mark.parametrize("command", ["/timeout minji 60", "/ban minji", "/clear"])
def test_messages_under_way_are_hidden_and_shown_again(play: Play, command: str) -> None:
    async def story(chat: Chat) -> None:
        owner, minji = await chat.join("olive"), await chat.join("minji")
        elsewhere = await chat.join("minji", at=1)
        chat.hold()
        await minji.say("here")
        await elsewhere.say("elsewhere")
        assert (await owner.say(command))["ok"]
        await chat.release()
        for at in range(len(chat.processes)):
            assert (await chat.join(f"newcomer{at}", at=at)).texts() == []
        assert (await owner.say("/undo"))["ok"]
        await chat.settled()
        for at in range(len(chat.processes)):
            shown = (await chat.join(f"latecomer{at}", at=at)).texts()
            assert sorted(shown) == ["elsewhere", "here"]

    play(story)


def test_an_action_is_undone_once_and_at_once(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, guest = await chat.join("olive"), await chat.join("anna", at=1)
        await guest.say("hello")
        await chat.settled()
        chat.hold()
        undo = (await owner.say("/clear"))["undo"]
        assert (await owner.say("/undo"))["ok"]
        assert (await owner.say("/undo"))["code"] == "unknown_act"
        again = await owner.emit("moderate", {"act": "undo", "undo": undo})
        assert again["error"] == "This has been undone already."
        await chat.release()
        assert (await chat.join("newcomer", at=1)).texts() == ["hello"]

    play(story)


def test_an_action_of_before_a_restart_is_undone_once(play: Play) -> None:
    ids, at = Ids(1), 1_799_999_000_000
    message = Message(ids.make(at), at, "g1", "anna", Role.GUEST, "old")
    clear = ModerationAction(ids.make(at), at, "u1", "olive", "clear", ids=(message.id,))

    async def story(chat: Chat) -> None:
        owner, guest = await chat.join("olive"), await chat.join("anna", at=1)
        chat.hold()
        assert (await owner.say("/undo"))["ok"]
        assert (await owner.say("/undo"))["code"] == "unknown_act"
        await chat.release()
        await guest.sees("old")

    play(story, [clear], [message])


def test_ids_go_on_from_before_a_restart_where_the_clock_was_set_back(play: Play) -> None:
    """Otherwise what is said next would stand before what was said."""
    at = 1_800_007_200_000
    late = ModerationAction(Ids(1).make(at), at, "u1", "olive", "slow", after={"slow": 0})

    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        assert (await owner.say("now"))["id"] > late.id

    play(story, [late], [])


def test_undoing_goes_back_step_by_step(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")

        def slow() -> set[int]:
            return {process.hub.rooms["yard"].state.mode.slow for process in chat.processes}

        chat.hold()
        await owner.say("/slow 30")
        await owner.say("/slow 60")
        await chat.release()
        assert slow() == {60}
        chat.hold()
        await owner.say("/undo")
        await owner.say("/links off")
        await chat.release()
        assert slow() == {30}
        await owner.say("/undo")
        await owner.say("/undo")
        await chat.settled()
        assert slow() == {0}
        mode = chat.at(1).hub.rooms["yard"].state.mode
        assert mode.links == "all"

    play(story)


def test_slow_mode_holds_from_the_command_on(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, minji = await chat.join("olive"), await chat.join("minji")
        process = chat.at(0)
        chat.hold()
        await owner.say("/slow 30")
        assert "id" in await minji.say("first")
        process.seconds += 10.0
        refused = await minji.say("second")
        assert (refused["code"], refused["retry_after"]) == ("slow_mode", 20.0)
        await chat.release()
        refused = await minji.say("second")
        assert refused["retry_after"] == 20.0, "the return of a message begins no new wait"
        process.seconds += 20.0
        assert "id" in await minji.say("third")

    play(story)


def test_a_message_that_is_sent_again_is_published_once(play: Play) -> None:
    async def story(chat: Chat) -> None:
        anna = await chat.join("anna")
        chat.hold()
        first = await anna.say("hello", nonce="n1")
        assert await anna.say("hello", nonce="n1") == first
        await chat.release()
        await anna.sees("hello")

    play(story)


def test_permissions_that_were_taken_away_are_gone_at_once(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, mo = await chat.join("olive"), await chat.join("mo")
        minji = await chat.join("minji")
        chat.hold()
        assert (await owner.say("/unmod mo"))["ok"]
        assert (await mo.say("/clear"))["code"] == "not_allowed"
        assert (await owner.say("/mod minji"))["ok"]
        assert (await minji.say("/slow 5"))["ok"]
        assert (await owner.say("/ban mo"))["ok"]
        assert (await mo.say("still here"))["code"] == "banned"
        assert (await mo.emit("react", {"emote": "👍"}))["code"] == "timed_out"
        again = await chat.join("mo")
        assert again.of("connect_error")[0]["data"]["code"] == "banned"
        await chat.release()
        await mo.gets("error", {"code": "banned", "detail": "You are banned from this chat."})

    play(story)
