"""Acts on the pages and through the API, in another process than the chat."""

from __future__ import annotations

from typing import Any

import pytest

from tests.station.roles.test_roles import ask
from tests.support.chat_clients import ChatClients
from tests.support.chats import at, figure, picture, soon
from tests.support.sign_outs import check_sign_outs
from tests.support.split import Role, Split
from tests.support.station import OWNER, PASSWORD, until
from tests.support.web_client import WebClient, call

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


def test_what_is_done_through_the_api_is_on_every_page_within_a_second(
    web: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    chat = "/channels/yard/chat"

    def do(act: str, **fields: Any) -> str:
        status, answer = call(
            web.http, "POST", f"{chat}/acts", tokens[OWNER], {"act": act, **fields}
        )
        assert status == 200, answer
        return str(answer.get("undo", ""))

    anna = people.join("anna", "yard")
    minji = people.join("minji", "yard", url=at(other), token=tokens["minji"], name=None)
    person = minji.of("welcome")[0]["me"]["person"]
    both = (anna, minji)
    first = minji.say("first")["id"]
    soon(anna, lambda: "first" in anna.texts(), "the message")

    undo = do("delete", id=first)
    for each in both:
        soon(each, lambda p=each: p.of("delete") == [{"ids": [first]}], "deleted")
    do("undo", undo=undo)
    for each in both:
        soon(each, lambda p=each: p.texts().count("first") == 2, "back again")

    do("pin", id=first)
    for each in both:
        soon(each, lambda p=each: p.of("pin") and p.of("pin")[-1]["message"], "pinned")
    do("unpin")
    do("timeout", person=person, seconds=60, reason="calm down")
    for each in both:
        soon(each, lambda p=each: {"person": person} in p.of("clear"), "silenced")
    assert minji.say("still here?")["code"] == "timed_out"
    do("untimeout", person=person)
    soon(minji, lambda: minji.of("you")[-1]["may_write"], "may write again")
    do("slow", seconds=30)
    for each in both:
        soon(each, lambda p=each: p.of("mode") and p.of("mode")[-1]["slow"] == 30, "slow mode")
    do("slow", seconds=0)

    undo = do("ban", person=person, reason="spam")
    soon(minji, lambda: minji.of("disconnect"), "sent away")
    for name, url in (("again here", None), ("again there", at(other))):
        again = people.join(name, "yard", url=url, token=tokens["minji"], name=None, wait=False)
        assert again.wait_for("connect_error")["data"]["code"] == "banned"
    do("undo", undo=undo)
    people.join("minji2", "yard", url=at(other), token=tokens["minji"], name=None)

    refused = call(web.http, "POST", f"{chat}/acts", tokens["minji"], {"act": "clear"})
    assert refused[0] == 403
    status, problem = call(web.http, "POST", f"{chat}/acts", tokens[OWNER], {"act": "dance"})
    assert (status, problem["code"]) == (409, "unknown_act")


def test_an_address_is_banned_through_the_api_and_the_chat_is_read_without_a_connection(
    web: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    chat = "/channels/shared/chat"

    def do(**act: Any) -> dict[str, Any]:
        status, answer = call(web.http, "POST", f"{chat}/acts", tokens[OWNER], act)
        assert status == 200, answer
        return dict(answer)

    def read() -> list[str]:
        return [each["text"] for each in call(web.http, "GET", f"{chat}/recent", None)[1]]

    anna = people.join("anna", "shared", device="browser of anna")
    bora = people.join("bora", "shared", url=at(other), device="browser of bora")
    for each in (anna, bora):
        each.say(f"from {each.name}")
        each.until(lambda p=each: any(x["people"] == 2 for x in p.of("presence")), "both are known")
    until(lambda: read() == ["from anna", "from bora"], "what was said is read through the API")
    ban = {"act": "ban", "person": anna.of("welcome")[0]["me"]["person"], "address": True}
    assert do(**ban, dry_run=True) == {"ok": True, "others": 1}
    undo = do(**ban)["undo"]
    for each in (anna, bora):
        soon(each, lambda p=each: p.of("disconnect"), "kept out")
    until(lambda: read() == [], "what they wrote is gone")
    [listed] = call(web.http, "GET", f"{chat}/bans", tokens[OWNER])[1]
    assert (listed["name"], listed["address"]) == ("anna", True)
    do(act="undo", undo=undo)
    until(lambda: read() == ["from anna", "from bora"], "what they wrote is back")


def test_what_is_set_on_the_pages_is_on_every_page_within_a_second(
    web: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    owner = WebClient(web.http)
    owner.sign_in(OWNER, PASSWORD)
    studio = "/studio/@pages/chat"
    anna = people.join("anna", "pages")
    bora = people.join("bora", "pages", url=at(other), token=tokens["bora"], name=None)
    both = (anna, bora)
    rules = {"slow": "0", "links": "moderators", "guests": "on", "retention_days": "90"}
    assert owner.send(f"{studio}/settings", **rules, words="바보")[0] == 200
    for each in both:
        soon(
            each,
            lambda p=each: p.of("mode") and p.of("mode")[-1]["links"] == "moderators",
            "the rules",
        )
    assert anna.say("바 보")["code"] == "words"
    assert bora.say("ㅂㅏㅂㅗ")["code"] == "words"
    assert anna.say("see https://example.org")["code"] == "links_off"

    assert owner.send(f"{studio}/emotes", {"picture": picture()}, name="teal")[0] == 200
    for each in both:
        soon(each, lambda p=each: p.of("emotes"), "the emote")
    assert [emote["name"] for emote in anna.of("emotes")[-1]] == ["teal"]
    assert ask(web.http, anna.of("emotes")[-1][0]["url"])[0] == 200

    assert owner.send(f"{studio}/moderators", account="bora")[0] == 200
    soon(bora, lambda: bora.of("you") and bora.of("you")[-1]["may_moderate"], "made a moderator")
    # Names are told every other second.
    bora.until(lambda: any(x["connected"] == 2 for x in bora.of("presence")), "both are known")
    assert bora.say("/timeout anna 600")["ok"]
    soon(anna, lambda: anna.of("you") and not anna.of("you")[-1]["may_write"], "silenced")
    until(lambda: "anna" in owner.page(studio)[1], "the page lists it")
    guest = anna.of("welcome")[0]["me"]["person"]
    assert owner.send(f"{studio}/bans", kind="timeout", person=guest)[0] == 200
    soon(anna, lambda: anna.of("you")[-1]["may_write"], "lifted")
    assert owner.send(f"{studio}/moderators", remove="bora")[0] == 200
    soon(bora, lambda: not bora.of("you")[-1]["may_moderate"], "a moderator no more")


def test_whose_sign_in_ends_on_the_pages_is_cut_off_at_every_process(
    web: Role, one: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    assert "leaver" in tokens
    check_sign_outs(people, web.http, [at(one), at(other)], "leaver")
    cut = [figure(role, 'madang_chat_closed_total{reason="signed_out"}') for role in (one, other)]
    assert cut == [2, 2]


def test_a_bot_without_a_connection_speaks_through_the_api(
    web: Role, one: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    anna = people.join("anna", "words")
    bora = people.join("bora", "words", url=at(other))
    path = "/channels/words/chat/messages"
    status, said = call(web.http, "POST", path, tokens["mo"], {"text": "beep @anna", "nonce": "1"})
    assert status == 200
    for each in (anna, bora):
        soon(each, lambda p=each: "beep @anna" in p.texts(), "what the bot says")
    [message] = anna.of("messages")[-1]
    assert (message["id"], message["bot"], message["role"]) == (said["id"], True, "member")
    # The same once more, whichever process takes it.
    for _ in range(4):
        again = call(web.http, "POST", path, tokens["mo"], {"text": "beep @anna", "nonce": "1"})
        assert again == (200, said)
    before = figure(one, 'madang_chat_refused_total{reason="empty"}')
    before += figure(other, 'madang_chat_refused_total{reason="empty"}')
    status, problem = call(web.http, "POST", path, tokens["mo"], {"text": " "})
    assert (status, problem["code"]) == (409, "empty")
    after = figure(one, 'madang_chat_refused_total{reason="empty"}')
    after += figure(other, 'madang_chat_refused_total{reason="empty"}')
    assert after == before + 1
    assert call(web.http, "POST", path, "wrong", {"text": "x"})[0] == 401
    missing = call(web.http, "POST", "/channels/none/chat/messages", tokens["mo"], {"text": "x"})
    assert missing[0] == 404
    anna.say("after")
    soon(bora, lambda: bora.texts() == ["beep @anna", "after"], "once")


def test_what_another_process_refuses_is_in_the_language_of_who_asked(
    web: Role, tokens: dict[str, str]
) -> None:
    act = {"act": "ban", "name": "nobody"}
    said = {
        language: call(
            web.http, "POST", "/channels/words/chat/acts", tokens[OWNER], act, accepted=language
        )
        for language in ("", "ko")
    }
    assert [(status, problem["code"]) for status, problem in said.values()] == [
        (409, "unknown_person")
    ] * 2
    assert said[""][1]["detail"] == "Nobody with this name is or was here lately."
    assert said["ko"][1]["detail"] == "지금도 최근에도 그런 이름을 쓴 사람이 없습니다."
    path = "/channels/words/chat/messages"
    status, answer = call(web.http, "POST", path, tokens["mo"], {"text": "/help"}, accepted="ko")
    assert status == 200, answer
    assert "이름" in answer["note"]


def test_the_pages_know_how_many_are_in_a_chat(
    split: Split, web: Role, other: Role, people: ChatClients, tokens: dict[str, str]
) -> None:
    for number in range(3):
        people.join(f"here{number}", "talk")
        people.join(f"there{number}", "talk", url=at(other))

    def shown() -> Any:
        return call(web.http, "GET", "/channels/talk/chat", tokens["mo"])[1]["connected"]

    until(lambda: shown() == 6, "six in the chat")
    assert split.station.command("status")["chat"]["connections"] == 6
