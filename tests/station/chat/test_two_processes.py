"""Two processes on one Redis are one room."""

from __future__ import annotations

import pytest

from tests.support.chat_clients import ChatClients
from tests.support.chats import at, connected, soon
from tests.support.split import Role, Split
from tests.support.station import OWNER

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_two_processes_say_the_same_in_the_same_order(people: ChatClients, other: Role) -> None:
    anna = people.join("anna", "moves")
    bora = people.join("bora", "moves", url=at(other))
    for number in range(20):
        anna.send_without_ack(f"a{number}")
        bora.send_without_ack(f"b{number}")
    for each in (anna, bora):
        each.until(lambda p=each: len(p.texts()) == 40, "forty messages")
    assert anna.texts() == bora.texts()
    assert [x for x in anna.texts() if x[0] == "a"] == [f"a{n}" for n in range(20)]
    # Whoever comes gets the same past at either, and a reply across them has its quotation.
    chris = people.join("chris", "moves")
    dami = people.join("dami", "moves", url=at(other))
    assert chris.texts() == dami.texts() == anna.texts()
    newest = anna.of("messages")[-1][-1]
    mine = dami.say("indeed @anna", reply_to=newest["id"])["id"]
    soon(anna, lambda: "indeed @anna" in anna.texts(), "the reply")
    [reply] = anna.of("messages")[-1]
    assert (reply["id"], reply["reply_to"]["id"]) == (mine, newest["id"])
    assert reply["mentions"] == ["anna"]
    assert bora.emit("react", {"emote": "👍"}) == {"ok": True}
    anna.wait_for("reactions")


def test_two_processes_count_their_people_together_and_know_each_others_names(
    people: ChatClients, other: Role, tokens: dict[str, str]
) -> None:
    anna = people.join("anna", "names")
    there = [people.join(f"there{n}", "names", url=at(other)) for n in range(3)]
    owner = people.join("owner", "names", token=tokens[OWNER], name=None)
    for each in (anna, *there):
        each.until(lambda p=each: any(x["connected"] == 5 for x in p.of("presence")), "five")
    # Programs of one address are one person, who may have a name twice; an account is another.
    people.join("bora", "names", url=at(other), token=tokens["bora"], name=None)
    people.join("second window", "names", token=tokens["bora"], name=None)
    counted = {"connected": 7, "people": 3, "viewers": None}
    anna.until(lambda: counted in anna.of("presence"), "seven windows of three people")
    taken = people.join("bora", "names", wait=False)
    assert taken.wait_for("connect_error")["data"]["code"] == "name_taken"
    # Somebody who has not said a word, at the other process.
    assert owner.say("/timeout bora 60")["ok"]


def test_moderating_at_one_process_holds_at_the_other(
    people: ChatClients, other: Role, tokens: dict[str, str]
) -> None:
    owner = people.join("owner", "order", token=tokens[OWNER], name=None)
    minji = people.join("minji", "order", url=at(other), token=tokens["minji"], name=None)
    second = people.join("second", "order", token=tokens["minji"], name=None)
    said = minji.say("buy things")["id"]
    soon(owner, lambda: "buy things" in owner.texts(), "the message")
    undo = owner.emit("moderate", {"act": "delete", "id": said})["undo"]
    soon(minji, lambda: minji.of("delete") == [{"ids": [said]}], "deleted")
    owner.emit("moderate", {"act": "undo", "undo": undo})
    soon(minji, lambda: minji.texts() == ["buy things"] * 2, "back again")

    # One message in thirty seconds, through whichever window of the same person.
    assert owner.say("/slow 30")["ok"]
    soon(minji, lambda: minji.of("mode") and minji.of("mode")[-1]["slow"] == 30, "slow mode")
    assert "id" in minji.say("patience")
    soon(second, lambda: "patience" in second.texts(), "the message")
    assert second.say("none")["code"] == "slow_mode"
    assert owner.say("/slow off")["ok"]

    # The message of a command is what is pinned, before Redis has brought it back.
    assert owner.say("/pin Welcome")["ok"]
    soon(minji, lambda: minji.of("pin"), "the pin")
    assert minji.of("pin")[-1]["message"]["text"] == "Welcome"

    assert owner.say("/ban minji spam")["ok"]
    for each in (minji, second):
        soon(each, lambda p=each: p.of("disconnect"), "sent away")
    for name, url in (("here", None), ("there", at(other))):
        back = people.join(name, "order", url=url, token=tokens["minji"], name=None, wait=False)
        assert back.wait_for("connect_error")["data"]["code"] == "banned"
    newcomer = people.join("newcomer", "order", url=at(other))
    assert newcomer.texts() == ["Welcome"], (
        "what a banned person said is gone from the past as well"
    )
    assert owner.say("/undo")["ok"]
    people.join("back", "order", url=at(other), token=tokens["minji"], name=None)


def test_who_comes_back_at_the_other_process_gets_what_was_missed_once(
    split: Split, people: ChatClients, other: Role
) -> None:
    third = split.start("chat", data=split.station.data.with_name("third"))
    connected(third)
    anna = people.join("anna", "talk")
    bora = people.join("bora", "talk", url=at(third))
    for number in range(10):
        anna.say(f"before {number}")
    bora.until(lambda: len(bora.texts()) == 10, "all so far")
    newest = bora.of("messages")[-1][-1]["id"]
    third.kill()
    missed = [f"meanwhile {number}" for number in range(10)]
    for text in missed:
        anna.say(text)
    back = people.join("bora2", "talk", url=at(other), since=newest)
    assert back.of("welcome")[0]["recovered"]
    anna.say("after")
    back.until(lambda: "after" in back.texts(), "what comes now")
    assert back.texts() == [*missed, "after"]
