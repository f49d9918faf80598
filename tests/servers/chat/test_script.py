"""One scripted chat with the same outcome on every bus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.chat_processes import Chat, Play


def test_one_evening(play: Play) -> None:
    async def story(chat: Chat) -> None:
        owner = await chat.join("olive")
        mo = await chat.join("mo", at=1)
        minji = await chat.join("minji", at=2)
        anna = await chat.join("anna", at=1)
        roles = [each.of("welcome")[0]["me"]["role"] for each in (owner, mo, minji, anna)]
        assert roles == ["owner", "moderator", "member", "guest"]

        # Everybody sees everything once, in one order, whoever sends it.
        for number in range(5):
            for each in (owner, mo, minji, anna):
                assert "id" in await each.say(f"{each.name} {number}", nonce=str(number))
        await until(lambda: len(owner.texts()) == 20)
        order = [message["text"] for message in owner.messages()]
        assert len(set(order)) == len(order) == 20
        assert [text for text in order if text.startswith("mo")] == [
            f"mo {number}" for number in range(5)
        ]
        for each in (owner, mo, minji, anna):
            await each.sees(*order)

        # A reply, a mention across processes, a reaction.
        newest = owner.messages()[-1]
        await minji.say("indeed @anna", reply_to=newest["id"])
        await until(lambda: "indeed @anna" in anna.texts())
        reply = anna.messages()[-1]
        assert (reply["reply_to"]["id"], reply["mentions"]) == (newest["id"], ["anna"])
        assert await anna.emit("react", {"emote": "👍"}) == {"ok": True}
        await owner.gets("reactions", {"👍": 1})

        # A connection breaks; what it missed comes once, at another process.
        anna.cut()
        await owner.say("meanwhile")
        await chat.settled()
        back = await chat.join("dora", at=2, since=reply["id"])
        welcome = back.of("welcome")[0]
        assert (welcome["recovered"], welcome["gap"]) == (True, False)
        await back.sees("meanwhile")

        # Moderation at one process holds at all.
        gone = (await minji.say("buy things"))["id"]
        await chat.settled()
        assert (await mo.emit("moderate", {"act": "delete", "id": gone}))["ok"]
        await back.gets("delete", {"ids": [gone]})
        assert (await mo.say("/undo"))["ok"]
        await until(lambda: back.texts() == ["meanwhile", "buy things", "buy things"])
        assert back.messages()[-1]["restored"]
        assert (await mo.say("/timeout minji 60 calm down"))["ok"]
        await chat.settled()
        assert (await minji.say("still here?"))["code"] == "timed_out"
        assert (await owner.say("/untimeout minji"))["ok"]
        assert (await owner.say("/slow 30"))["ok"]
        await chat.settled()
        assert "id" in await minji.say("patience")
        assert (await minji.say("none"))["code"] == "slow_mode"
        assert (await mo.say("/pin Welcome"))["ok"]
        await until(lambda: bool(back.of("pin")))
        assert back.of("pin")[-1]["message"]["text"] == "Welcome"
        assert (await owner.say("/ban minji"))["ok"]
        await minji.gets("error", {"code": "banned", "detail": "You are banned from this chat."})
        again = await chat.join("minji", at=1)
        assert again.of("connect_error")[0]["data"]["code"] == "banned"

        # Every process ends with the same chat.
        await chat.settled()
        outcomes = [
            (
                room.state.mode,
                room.state.pinned,
                sorted(room.state.sanctions),
                [message.text for message in room.state.history.backlog(None).messages][-3:],
            )
            for room in (process.hub.rooms["yard"] for process in chat.processes)
        ]
        for outcome in outcomes:
            mode, pinned, sanctioned, texts = outcome
            assert mode.slow == 30
            assert pinned is not None
            assert pinned["text"] == "Welcome"
            assert (sanctioned, texts) == (["u3"], ["anna 4", "meanwhile", "Welcome"])

    play(story)


def test_a_person_counts_once_however_many_connections(play: Play) -> None:
    async def story(chat: Chat) -> None:
        async def count(people: int, connected: int) -> None:
            expected = {"connected": connected, "people": people, "viewers": None}
            rooms = [process.hub.rooms["yard"] for process in chat.processes]
            await until(lambda: all(room.presence(None, 0.0) == expected for room in rooms))

        minji = [await chat.join("minji", at=at) for at in range(3)]
        anna = await chat.join("anna", at=1)
        await chat.join("bora", at=2)
        await count(people=3, connected=5)
        for process in chat.processes:
            assert process.hub.rooms["yard"].find_reader("Anna") is not None
        taken = await chat.join("anna", at=2)
        assert taken.of("connect_error")[0]["data"]["code"] == "name_taken"
        taken.cut()
        for left, client in enumerate(minji, start=1):
            assert chat.at(0).hub.rooms["yard"].find_reader("minji") == ("u3", "minji")
            client.cut()
            await count(people=3 if left < 3 else 2, connected=5 - left)
        anna.cut()
        await count(people=1, connected=1)
        for process in chat.processes:
            assert process.hub.rooms["yard"].find_reader("anna") is None

    play(story)
