"""A real station and real clients: Socket.IO's own for Node.js, and python-socketio's."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.chat_clients import ChatClients, chat_clients, make_accounts
from tests.support.sign_outs import check_sign_outs, wait_for_sign_out
from tests.support.station import OWNER, PASSWORD, ROOT, Station

pytestmark = pytest.mark.e2e

MANY = {"CHAT__MESSAGES_PER_PERSON": "1000", "CHAT__MESSAGES_PER_ADDRESS": "1000"}


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("chat") / "data", **MANY)
    made.open_channels("yard", "quiet", "modes", "back", "python")
    made.start("--no-demo")
    yield made
    made.stop()
    assert "failed" not in made.said()
    assert "Traceback" not in made.said()


@pytest.fixture
def people(station: Station) -> Iterator[ChatClients]:
    with chat_clients(station.http) as made:
        yield made


@pytest.fixture(scope="module")
def tokens(station: Station) -> dict[str, str]:
    return make_accounts(station.data, OWNER, "mo", "minji", "leaver")


def metrics(station: Station) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", station.http_port, timeout=10)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if name[:1] != "#"
    }


def test_two_people_talk(people: ChatClients) -> None:
    anna, bora = people.join("anna"), people.join("bora")
    welcome = anna.of("welcome")[0]
    assert welcome["me"]["role"] == "guest"
    assert welcome["me"]["may_write"]
    assert welcome["limits"] == {"text": 500, "name": 24}
    ack = anna.say("안녕 @bora", nonce="n1")
    assert anna.say("안녕 @bora", nonce="n1") == ack, "the same nonce is sent once"
    [message] = bora.wait_for("messages", 2)
    assert message["id"] == ack["id"]
    assert (message["name"], message["text"], message["mentions"]) == (
        "anna",
        "안녕 @bora",
        ["bora"],
    )
    mine = anna.of("messages")[-1][0]
    assert 0 <= message["hue"] == mine["hue"] < 360, "a name has one colour for everybody"
    reply = bora.say("hi", reply_to=ack["id"])
    anna.until(lambda: "hi" in anna.texts())
    [answer] = anna.of("messages")[-1]
    assert answer["id"] == reply["id"] > ack["id"]
    assert answer["reply_to"] == {"id": ack["id"], "name": "anna", "text": "안녕 @bora"}
    bora.until(lambda: bora.texts() == ["안녕 @bora", "hi"])
    assert anna.emit("react", {"emote": "👍"}) == {"ok": True}
    assert bora.wait_for("reactions") == {"👍": 1}
    assert bora.until(lambda: [p for p in bora.of("presence") if p["connected"] == 2])


@pytest.mark.parametrize(
    ("auth", "code"),
    [
        ({"channel": "nowhere"}, "unknown_channel"),
        ({"channel": "x" * 100}, "unknown_channel"),
        ({"channel": 5}, "bad_auth"),
        ({"token": "wrong"}, "bad_token"),
        ({"token": ["a"]}, "bad_auth"),
        ({"name": "<b>"}, "bad_name"),
        ({"name": OWNER}, "name_taken"),
    ],
)
def test_who_is_refused_is_told_why(people: ChatClients, auth: dict[str, Any], code: str) -> None:
    refused = people.join("somebody", wait=False, **auth)
    error = refused.wait_for("connect_error")
    assert error["data"]["code"] == code
    assert error["message"].endswith((".", " -"))


def test_long_polling_is_refused_in_words(people: ChatClients, station: Station) -> None:
    error = people.join("poll", wait=False, transports=["polling"]).wait_for("connect_error")
    assert "transports: ['websocket']" in error["context"]
    assert metrics(station)['madang_chat_refused_total{reason="polling"}'] >= 1


def test_binary_is_refused(people: ChatClients) -> None:
    anna = people.join("anna")
    anna.do("binary")
    anna.wait_for("disconnect")


@pytest.mark.parametrize(
    ("event", "payload", "code"),
    [
        ("message", {"text": ""}, "empty"),
        ("message", {"text": "x" * 501}, "too_long"),
        ("message", {"text": 5}, "bad_payload"),
        ("message", "hello", "bad_payload"),
        ("message", {"text": "x", "reply_to": "y"}, "unknown_message"),
        ("message", {"text": "/ban bora"}, "not_allowed"),
        ("message", {"text": "/dance"}, "unknown_command"),
        ("moderate", {"act": "clear"}, "not_allowed"),
        ("react", {"emote": "x"}, "bad_payload"),
        ("dance", {}, "unknown_event"),
    ],
)
def test_what_cannot_be_done_is_acknowledged_with_a_code(
    people: ChatClients, event: str, payload: object, code: str
) -> None:
    answer = people.join("cho").emit(event, payload)
    assert answer["code"] == code
    assert answer["error"].endswith(".")


KOREAN = {"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"}


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "There is no command /dance: /help lists them."),
        (KOREAN, "/dance 명령은 없습니다. /help를 입력하면 모든 명령을 볼 수 있습니다."),
        (
            {"Cookie": "django_language=ko", "Accept-Language": "en"},
            "/dance 명령은 없습니다. /help를 입력하면 모든 명령을 볼 수 있습니다.",
        ),
        (
            {"Cookie": "a=b; django_language=en", **KOREAN},
            "There is no command /dance: /help lists them.",
        ),
    ],
    ids=["nothing", "accepted", "Korean cookie", "English cookie"],
)
def test_a_refusal_is_in_the_language_of_the_connection(
    people: ChatClients, headers: dict[str, str], words: str
) -> None:
    dan = people.join("dan", headers=headers)
    assert dan.say("/dance") == {"error": words, "code": "unknown_command"}


def test_people_of_one_chat_are_each_answered_in_their_language(
    people: ChatClients, tokens: dict[str, str]
) -> None:
    refused = people.join("somebody", "nowhere", wait=False, headers=KOREAN)
    assert refused.wait_for("connect_error")["message"] == "nowhere 채널이 없습니다."
    english, korean = (
        people.join("english", "modes"),
        people.join("korean", "modes", headers=KOREAN),
    )
    owner = people.join("owner", "modes", token=tokens[OWNER], name=None, headers=KOREAN)
    assert "이름" in owner.say("/help")["note"]
    assert "NAME" in english.say("/help")["note"]
    assert owner.say("/slow x")["error"] == (
        "/slow 뒤에는 /slow 30처럼 초를 적거나 off를 적어 주세요."
    )
    # Programs of one address that send no device are one person: the ban is of both.
    assert owner.say("/ban english")["ok"]
    assert english.wait_for("error")["detail"] == "You are banned from this chat."
    assert korean.wait_for("error")["detail"] == "이 채팅에서 차단되었습니다."
    assert owner.say("/undo")["ok"]


def test_a_guest_reads_first_and_takes_a_name_later(people: ChatClients) -> None:
    quiet = people.join("quiet", name=None)
    assert quiet.of("welcome")[0]["me"]["reason"] == "name_needed"
    assert quiet.say("hi")["code"] == "name_needed"
    assert quiet.emit("name", {"name": "dami"})["me"]["may_write"]
    assert "id" in quiet.say("hi from dami")


def test_a_connection_that_breaks_gets_what_it_missed_once(people: ChatClients) -> None:
    anna = people.join("anna", "quiet")
    bora = people.join("bora", "quiet", keep=True)
    anna.say("one")
    bora.until(lambda: bora.texts() == ["one"])
    bora.do("cut")
    bora.wait_for("disconnect")
    gone = anna.say("two")["id"]
    anna.say("three")
    bora.wait_for("welcome", 2)
    assert bora.of("welcome")[1]["recovered"]
    bora.until(lambda: bora.texts() == ["one", "two", "three"])
    anna.say("four")
    bora.until(lambda: bora.texts() == ["one", "two", "three", "four"])
    assert gone


def test_a_station_that_restarts_is_found_again_with_nothing_lost(
    people: ChatClients, station: Station
) -> None:
    anna, bora = people.join("anna", "back", keep=True), people.join("bora", "back", keep=True)
    anna.say("before")
    bora.until(lambda: bora.texts() == ["before"])
    station.stop()
    assert bora.wait_for("reconnect")["after"] > 0
    station.start("--no-demo")
    bora.wait_for("welcome", 2)
    anna.wait_for("welcome", 2)
    assert bora.of("welcome")[1]["recovered"]
    anna.say("after")
    bora.until(lambda: bora.texts() == ["before", "after"])


def test_a_moderator_keeps_order(people: ChatClients, tokens: dict[str, str]) -> None:
    owner = people.join("owner", "modes", token=tokens[OWNER], name=None)
    mo = people.join("mo", "modes", token=tokens["mo"], name=None)
    minji = people.join("minji", "modes", token=tokens["minji"], name=None)
    guest = people.join("guest", "modes")
    assert [p.of("welcome")[0]["me"]["role"] for p in (owner, mo, guest)] == [
        "owner",
        "member",
        "guest",
    ]

    assert owner.say("/mod mo")["ok"]
    mo.until(lambda: mo.of("you") and mo.of("you")[-1]["may_moderate"])
    said = minji.say("buy things")["id"]
    deleted = mo.emit("moderate", {"act": "delete", "id": said})
    assert guest.wait_for("delete") == {"ids": [said]}
    assert owner.until(lambda: [n for n in owner.of("notice") if n["act"] == "delete"])
    assert not guest.of("notice"), "only moderators are told who did what"
    assert mo.emit("moderate", {"act": "undo", "undo": deleted["undo"]})["ok"]
    guest.until(lambda: [m for ms in guest.of("messages") for m in ms if m.get("restored")])

    assert mo.say("/timeout minji 60 calm down")["ok"]
    assert guest.wait_for("clear") == {"person": minji.of("welcome")[0]["me"]["person"]}
    answer = minji.say("still here?")
    assert answer["code"] == "timed_out"
    assert 0 < answer["retry_after"] <= 60
    assert minji.of("you")[-1]["reason"] == "timed_out"
    assert mo.say("/untimeout minji")["ok"]
    assert "id" in minji.say("thanks")

    assert mo.say("/slow 60")["ok"]
    assert guest.wait_for("mode")["slow"] == 60
    assert "id" in guest.say("first")
    assert guest.say("second")["code"] == "slow_mode"
    assert "id" in mo.say("moderators are not slowed down")
    assert mo.say("/slow off")["ok"]
    assert mo.say("/emoteonly")["ok"]
    assert guest.say("words")["code"] == "emote_only"
    assert "id" in guest.say("👏👏")
    assert mo.say("/emoteonly off")["ok"]
    assert mo.say("/links mods")["ok"]
    assert guest.say("see https://example.org")["code"] == "links_off"
    assert mo.say("/members")["ok"]
    assert guest.say("hello")["code"] == "members_only"
    guest.until(lambda: guest.of("you") and guest.of("you")[-1]["reason"] == "members_only")
    assert mo.say("/members off")["ok"]

    assert mo.say("/pin Welcome to the yard")["ok"]
    assert guest.wait_for("pin")["message"]["text"] == "Welcome to the yard"

    assert mo.say("/ban minji spam")["ok"]
    minji.wait_for("disconnect")
    again = people.join("again", "modes", token=tokens["minji"], name=None, wait=False)
    assert again.wait_for("connect_error")["data"]["code"] == "banned"
    assert mo.say("/undo")["ok"]
    people.join("minji2", "modes", token=tokens["minji"], name=None)


def test_a_signed_in_page_is_known_and_another_sites_is_not(
    people: ChatClients, station: Station
) -> None:
    cookie = _sign_in(station)
    own = people.join("own", name=None, headers={"Cookie": cookie, "Origin": station.http})
    assert own.of("welcome")[0]["me"]["role"] == "owner"
    foreign = people.join(
        "foreign", name=None, headers={"Cookie": cookie, "Origin": "http://elsewhere.example"}
    )
    assert foreign.of("welcome")[0]["me"]["role"] == "guest"


def test_whose_sign_in_ends_is_cut_off_and_stays_away(
    people: ChatClients, station: Station, tokens: dict[str, str]
) -> None:
    bot = people.join("bot", token=tokens["minji"], name=None)
    bystander = people.join("bystander", token=tokens["mo"], name=None)
    check_sign_outs(people, f"127.0.0.1:{station.http_port}", [station.http], "leaver")
    example = [sys.executable, "-u", "examples/chat_bot.py", station.http, "yard", tokens["minji"]]
    ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(example, cwd=ROOT, text=True, **ends) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "in the chat as minji (member)\n"
        # A command beside the station, which has no way to tell it.
        token = tokens["minji"].partition("-")[0]
        assert station.command("token", "revoke", "minji", token)["revoked"]
        wait_for_sign_out(bot)
        _, said = program.communicate(timeout=10)
    assert (program.returncode, said) == (1, f"{bot.of('error')[-1]['detail']}\n")
    assert metrics(station)['madang_chat_closed_total{reason="signed_out"}'] == 6
    assert not bystander.of("disconnect")


def _sign_in(station: Station) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", station.http_port, timeout=10)
    connection.request("GET", "/accounts/login/")
    response = connection.getresponse()
    page = response.read().decode()
    csrf = response.headers["Set-Cookie"].partition(";")[0]
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = f"csrfmiddlewaretoken={token[1]}&login={OWNER}&password={PASSWORD.replace(' ', '+')}"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": csrf}
    connection.request("POST", "/accounts/login/", form, headers)
    response = connection.getresponse()
    response.read()
    cookies = response.headers.get_all("Set-Cookie") or []
    connection.close()
    return "; ".join(part.partition(";")[0] for part in cookies)


def test_acts_through_the_api_are_seen_at_once(
    people: ChatClients, station: Station, tokens: dict[str, str]
) -> None:
    anna = people.join("anna")
    said = anna.say("delete me")["id"]
    answer = _post(
        station, "/api/v1/channels/yard/chat/acts", tokens[OWNER], {"act": "delete", "id": said}
    )
    assert answer["ok"]
    assert anna.wait_for("delete") == {"ids": [said]}
    status, answer = _send(
        station, "PATCH", "/api/v1/channels/yard/chat", tokens[OWNER], {"words": ["바보"]}
    )
    assert status == 200, answer
    anna.until(lambda: anna.say("바 보").get("code") == "words")


def _post(station: Station, path: str, token: str, body: object) -> Any:
    status, answer = _send(station, "POST", path, token, body)
    assert status == 200, answer
    return answer


def _send(station: Station, method: str, path: str, token: str, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", station.http_port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_pythons_client_talks_with_nodes(people: ChatClients, station: Station) -> None:
    import socketio

    anna = people.join("anna")

    async def talk() -> tuple[Any, list[Any]]:
        received: list[Any] = []
        came = asyncio.Event()
        client = socketio.AsyncClient()

        def messages(batch: list[Any]) -> None:
            received.extend(batch)
            if any(message["text"] == "hello python" for message in batch):
                came.set()

        client.on("messages", messages)
        auth = {"channel": "yard", "name": "python"}
        await client.connect(station.http, auth=auth, transports=["websocket"])
        answer = await client.call("message", {"text": "hello node"}, timeout=10)
        await asyncio.to_thread(anna.until, lambda: "hello node" in anna.texts())
        await asyncio.to_thread(anna.say, "hello python")
        async with asyncio.timeout(10):
            await came.wait()
        await client.disconnect()
        with pytest.raises(socketio.exceptions.ConnectionError):
            await socketio.AsyncClient().connect(
                station.http, auth={"channel": "nowhere"}, transports=["websocket"]
            )
        return answer, received

    answer, received = asyncio.run(talk())
    assert received[-1]["text"] == "hello python"
    assert "id" in answer


def test_pythons_client_comes_back_and_gets_what_it_missed_once(
    people: ChatClients, station: Station
) -> None:
    import socketio

    anna = people.join("anna", "python")

    async def talk() -> tuple[list[str], list[dict[str, Any]]]:
        received: list[dict[str, Any]] = []
        welcomes: list[dict[str, Any]] = []
        came = asyncio.Event()
        client = socketio.AsyncClient(reconnection_delay=0.5, randomization_factor=0)

        def auth() -> dict[str, str]:
            since = {"since": received[-1]["id"]} if received else {}
            return {"channel": "python", "name": "python", **since}

        def messages(batch: list[dict[str, Any]]) -> None:
            received.extend(batch)
            came.set()

        async def has(count: int) -> None:
            async with asyncio.timeout(10):
                while len(received) < count:
                    came.clear()
                    await came.wait()

        client.on("messages", messages)
        client.on("welcome", welcomes.append)
        await client.connect(station.http, auth=auth, transports=["websocket"])
        await asyncio.to_thread(anna.say, "one")
        await has(1)
        await client.eio.ws.close()
        for text in ("two", "three"):
            await asyncio.to_thread(anna.say, text)
        await has(3)
        await client.call("message", {"text": "four"}, timeout=10)
        await has(4)
        await client.disconnect()
        return [message["text"] for message in received], welcomes

    texts, welcomes = asyncio.run(talk())
    assert texts == ["one", "two", "three", "four"]
    assert [welcome["recovered"] for welcome in welcomes] == [False, True]
