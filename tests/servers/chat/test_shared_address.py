"""People behind one address: a classroom, a household, a carrier's NAT."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.chat_processes import Chat, Client, Play

SCHOOL = "198.51.100.7"


async def classroom(chat: Chat, count: int = 4) -> list[Client]:
    """Let pupils join from one address, each in an own browser, on all processes in turn."""
    return [
        await chat.join(f"pupil{number}", number, address=SCHOOL, device=f"browser-{number}")
        for number in range(count)
    ]


def test_slow_mode_counts_a_person_and_not_its_address(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        pupils = await classroom(chat)
        assert (await owner.say("/slow 60"))["ok"]
        await chat.settled()
        for pupil in pupils:
            assert "id" in await pupil.say(f"hello from {pupil.name}")
        await chat.settled()
        again = await chat.join("pupil0", 1, address=SCHOOL, device="browser-0")
        for pupil in (*pupils, again):
            assert (await pupil.say("once more"))["code"] == "slow_mode"

    play(story)


@pytest.mark.parametrize("act", ["ban", "timeout"])
def test_a_sanction_hits_one_browser_and_not_its_neighbours(play: Play, act: str) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        bad, *others = await classroom(chat)
        for pupil in (bad, *others):
            await pupil.say(f"from {pupil.name}")
        await chat.settled()
        assert (await owner.say(f"/{act} {bad.name}"))["ok"]
        await chat.settled()
        refused = "banned" if act == "ban" else "timed_out"
        if act == "timeout":
            assert (await bad.say("still here"))["code"] == refused
        else:
            back = await chat.join("somebody", 1, address=SCHOOL, device="browser-0")
            assert back.of("connect_error")[0]["data"]["code"] == refused
        for pupil in others:
            assert "id" in await pupil.say("we may")
        newcomer = await chat.join("newcomer", 1)
        assert f"from {bad.name}" not in newcomer.texts()
        assert f"from {others[0].name}" in newcomer.texts()

    play(story)


def test_the_ban_of_an_address_tells_whom_else_it_hits_and_is_undone(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner, stranger = await chat.join("olive"), await chat.join("stranger", 1)
        bad, *others = await classroom(chat)
        teacher = await chat.join("minji", 2, address=SCHOOL)
        for pupil in (bad, *others):
            await pupil.say(f"from {pupil.name}")
        await chat.settled()
        person = bad.of("welcome")[0]["me"]["person"]
        await chat.counted(7)
        asked = {"act": "ban", "person": person, "address": True}
        answer = await owner.emit("moderate", {**asked, "dry_run": True})
        assert answer == {"ok": True, "others": len(others)}
        assert not owner.of("notice")

        answer = await owner.emit("moderate", asked)
        assert answer["others"] == len(others)
        await chat.settled()
        for pupil in (bad, *others):
            await until(lambda: not pupil.open)  # noqa: B023
            assert pupil.of("error")[0]["code"] == "banned"
        fresh = await chat.join("fresh", 1, address=SCHOOL, device="browser-new")
        assert fresh.of("connect_error")[0]["data"]["code"] == "banned"
        assert "id" in await teacher.say("an account is not its address")
        assert "id" in await stranger.say("nor is another address")
        assert [each["address"] for each in owner.of("sanctions")[-1]["people"]] == [True]
        assert len(stranger.of("clear")) == 1 + len(others)

        assert (await owner.emit("moderate", {"act": "undo", "undo": answer["undo"]}))["ok"]
        await chat.settled()
        back = await chat.join("back", 2, address=SCHOOL, device="browser-0")
        assert f"from {bad.name}" in back.texts()
        assert "id" in await back.say("sorry")

    play(story)


def test_the_command_bans_an_address_and_never_that_of_an_account(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        pupils = await classroom(chat, 2)
        await chat.join("minji", address=SCHOOL)
        await chat.counted(4)
        assert (await owner.say("/banaddress minji"))["code"] == "not_allowed"
        assert (await owner.say("/banaddress pupil0 noise"))["others"] == 1
        await chat.settled()
        await until(lambda: not any(pupil.open for pupil in pupils))
        assert (await owner.say("/unban pupil0"))["ok"]
        await chat.settled()
        back = await chat.join("pupil1", 1, address=SCHOOL, device="browser-1")
        assert not back.of("connect_error")

    play(story)


def test_reactions_of_a_classroom_do_not_use_up_each_others(play: Play) -> None:
    async def story(chat: Chat) -> None:
        await chat.join("olive")
        for pupil in await classroom(chat):
            for _ in range(3):
                assert (await pupil.emit("react", {"emote": "👍"}))["ok"]

    play(story)


def test_windows_of_one_browser_have_a_limit_and_those_of_an_address_another(play: Play) -> None:
    async def story(chat: Chat) -> None:
        windows = [
            await chat.join("mia", address=SCHOOL, device="browser-0")
            for _ in range(chat.at(0).limits.per_device)
        ]
        assert not any(window.of("connect_error") for window in windows)
        refused = await chat.join("mia", address=SCHOOL, device="browser-0")
        [error] = refused.of("connect_error")
        assert error["data"] == {"code": "connections_per_device", "retry_after": 30.0}
        assert "close one" in error["message"]
        neighbour = await chat.join("noa", address=SCHOOL, device="browser-1")
        assert not neighbour.of("connect_error")
        windows[0].cut()
        await until(lambda: len(chat.at(0).hub.connections) == len(windows) + 1)
        again = await chat.join("mia", address=SCHOOL, device="browser-0")
        assert not again.of("connect_error")

    play(story)


@pytest.mark.parametrize("device", [5, "x" * 65, ["a"]])
def test_what_is_no_id_of_a_browser_is_refused(play: Play, device: object) -> None:
    async def story(chat: Chat) -> None:
        client = await chat.join("mia", device=device)
        assert client.of("connect_error")[0]["data"]["code"] == "bad_auth"

    play(story)


def test_a_connection_that_goes_on_is_held_up_and_its_neighbours_are_not(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(chat: Chat) -> None:
        flood = await chat.join("flood", address=SCHOOL, device="browser-0")
        other = await chat.join("other", address=SCHOOL, device="browser-1")
        for _ in range(61):
            assert (await flood.say(""))["code"] == "empty"
        began = time.monotonic()
        held_up = asyncio.ensure_future(flood.say("at last"))
        assert "id" in await other.say("still quick")
        assert not held_up.done()
        assert "id" in await held_up
        assert time.monotonic() - began > 0.9 * chat.at(0).hub.settings.pause

    play(story)
    assert SCHOOL not in caplog.text
