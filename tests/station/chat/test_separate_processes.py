"""Redis is away for half a minute: each process for chats goes on with its own people."""

from __future__ import annotations

import time

import pytest

from tests.servers.chat.test_faults import prompt
from tests.support.chat_clients import ChatClients
from tests.support.chats import UNNOTICED, at, connected, figure, stored
from tests.support.split import Role, Split
from tests.support.station import OWNER, until
from tests.support.web_client import call

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

WITHOUT_REDIS = 30.0
"""Seconds."""

EVERY = 1.0
"""Seconds between two rounds of talk meanwhile."""


def test_half_a_minute_without_redis_is_noticed_by_nobody_and_nothing_is_lost(
    split: Split, web: Role, chats: tuple[Role, Role], people: ChatClients, tokens: dict[str, str]
) -> None:
    one, other = chats
    anna, bora = people.join("anna", "apart"), people.join("bora", "apart")
    chris = people.join("chris", "apart", url=at(other))
    dami = people.join("dami", "apart", url=at(other))
    owner = people.join("owner", "apart", token=tokens[OWNER], name=None)
    minji = people.join("minji", "apart", url=at(other), token=tokens["minji"], name=None)
    person = minji.of("welcome")[0]["me"]["person"]
    prompt(anna, chris, "together")

    split.redis.kill()
    began = time.monotonic()
    here: list[str] = []
    there: list[str] = []
    while time.monotonic() - began < WITHOUT_REDIS:
        here.append(f"here {len(here)}")
        there.append(f"there {len(there)}")
        assert prompt(anna, bora, here[-1]) < UNNOTICED
        assert prompt(chris, dami, there[-1]) < UNNOTICED
        if len(here) == 3:
            for role in (one, other):
                assert figure(role, "madang_chat_bus_connected") == 0
            # What needs the others is refused in words, what is set is told later.
            path = "/channels/apart/chat"
            status, problem = call(
                web.http, "POST", f"{path}/acts", tokens[OWNER], {"act": "clear"}
            )
            assert (status, problem["code"]) == (503, "unavailable")
            assert call(web.http, "PATCH", path, tokens[OWNER], {"links": "off"})[0] == 200
            assert owner.emit("moderate", {"act": "ban", "person": person})["ok"]
            people.join("late", "apart"), people.join("later", "apart", url=at(other))
        time.sleep(EVERY)

    split.redis.start()
    people.until(lambda: there[-1] in anna.texts(), "what was said there")
    people.until(lambda: here[-1] in chris.texts(), "what was said here")
    connected(one, other)
    prompt(anna, chris, "together again")
    people.until(lambda: "together again" in anna.texts(), "what she said herself")
    for each, own, others in ((anna, here, there), (chris, there, here)):
        received = each.texts()
        assert sorted(received) == sorted(["together", *here, *there, "together again"])
        assert [text for text in received if text in own] == own
        assert [text for text in received if text in others] == others
    # Who was here lacks what was said there: a place in the one is none in the other.
    last = next(m["id"] for ms in anna.of("messages") for m in ms if m["text"] == here[-1])
    moved = people.join("moved", "apart", url=at(other), since=last).of("welcome")[0]
    assert (moved["recovered"], moved["gap"]) == (False, True)
    stayed = people.join("stayed", "apart", since=last)
    assert stayed.of("welcome")[0]["recovered"]
    assert stayed.texts() == [*there, "together again"]
    minji.until(lambda: minji.of("disconnect"), "the ban holds there as well")
    for each in (anna, chris):
        each.until(lambda p=each: p.of("mode") and p.of("mode")[-1]["links"] == "off", "the rule")
    for role in (one, other):
        until(lambda r=role: figure(r, "madang_chat_unsaved") == 0, "all is kept")
    kept = stored(web.http, tokens[OWNER], "apart")
    assert sorted(kept) == sorted(anna.texts())
