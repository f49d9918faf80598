"""Chats over HTTP: who may do what, and what is kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.support.apps import make_channel, make_user

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel

BASE = "/api/v1/channels/yard/chat"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def channel(db: None) -> Channel:
    return make_channel(owner=make_user("olive"))


@pytest.fixture
def told(db: None) -> Iterator[list[str]]:
    """The chats that running servers were told to read again."""
    from madang.apps.chat import ports

    class Running(ports.NullChats):
        def changed(self, slug: str) -> None:
            slugs.append(slug)

    slugs: list[str] = []
    before = ports.chats()
    ports.install(Running())
    yield slugs
    ports.install(before)


def as_(client: Any, name: str, *, admin: bool = False) -> Any:
    from madang.apps.accounts.models import User

    user = User.objects.filter(name=name).first() or make_user(name, admin=admin)
    client.force_login(user)
    return client


def send(client: Any, method: str, address: str, body: object = None) -> Any:
    return getattr(client, method)(address, json.dumps(body), content_type="application/json")


def picture(width: int = 64, height: int = 64, form: str = "PNG", frames: int = 1) -> bytes:
    output = io.BytesIO()
    images = [
        Image.new("RGBA", (width, height), (200, 80 * n % 256, 30, 128)) for n in range(frames)
    ]
    if form == "JPEG":
        images = [image.convert("RGB") for image in images]
    moving = {"save_all": True, "append_images": images[1:], "duration": 50} if frames > 1 else {}
    images[0].save(output, form, **moving)
    return output.getvalue()


def keep(channel: Channel, *texts: str, minutes: float = 0.0) -> list[str]:
    from madang.apps.chat import store
    from madang.chat.ids import Ids
    from madang.chat.model import Message, Role

    ids = Ids(3)
    at = round((NOW - timedelta(minutes=minutes)).timestamp() * 1000)
    said = [Message(ids.make(at), at, "u9", "minji", Role.MEMBER, text) for text in texts]
    store.save_messages([(channel.pk, message) for message in said])
    return [message.id for message in said]


def test_everybody_sees_how_a_chat_is_set(client: Any, channel: Channel) -> None:
    seen = client.get(BASE).json()
    assert seen == {
        "mode": {
            "slow": 0,
            "members_only": False,
            "emote_only": False,
            "links": "all",
            "guests": True,
        },
        "emotes": [],
        "pinned": None,
        "connected": 0,
    }
    assert client.get("/api/v1/channels/nowhere/chat").status_code == 404


def test_a_moderator_sets_the_mode_and_the_owner_the_words(
    client: Any, channel: Channel, told: list[str]
) -> None:
    from django.test import TestCase

    assert send(client, "patch", BASE, {"slow": 5}).status_code == 401
    assert send(as_(client, "mo"), "patch", BASE, {"slow": 5}).status_code == 403
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert (
            send(as_(client, "olive"), "post", f"{BASE}/moderators", {"name": "mo"}).status_code
            == 201
        )
    with TestCase.captureOnCommitCallbacks(execute=True):
        changed = send(as_(client, "mo"), "patch", BASE, {"slow": 5, "links": "off"})
    assert changed.json()["slow"] == 5
    assert told == ["yard", "yard"]
    assert send(client, "patch", BASE, {"words": ["바보"]}).status_code == 403
    changed = send(as_(client, "olive"), "patch", BASE, {"words": ["바보", " 바보 "]})
    assert changed.json()["words"] == ["바보"]
    assert client.get(f"{BASE}/moderators").json()[0]["name"] == "mo"
    assert client.delete(f"{BASE}/moderators/mo").status_code == 204
    assert as_(client, "mo").get(f"{BASE}/settings").status_code == 403


@pytest.mark.parametrize(
    "change", [{"slow": -1}, {"slow": 99_999}, {"retention_days": 0}, {"words": ["x" * 41]}]
)
def test_settings_that_do_not_fit(client: Any, channel: Channel, change: dict[str, Any]) -> None:
    refused = send(as_(client, "olive"), "patch", BASE, change)
    assert refused.status_code == 422
    assert "does not fit" in refused.json()["detail"]


@pytest.mark.parametrize(("form", "frames"), [("PNG", 1), ("GIF", 3), ("WEBP", 3), ("JPEG", 1)])
def test_an_emote_is_resized_and_served_for_ever(
    client: Any, channel: Channel, form: str, frames: int
) -> None:
    upload = io.BytesIO(picture(80, 40, form, frames))
    added = as_(client, "olive").post(f"{BASE}/emotes", {"name": "drum", "picture": upload})
    assert added.status_code == 201, added.content
    emote = added.json()
    assert (emote["width"], emote["height"]) == (224, 112)
    served = client.get(emote["url"])
    assert served["Cache-Control"].endswith("immutable")
    with Image.open(io.BytesIO(served.content)) as image:
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == (
            "WEBP",
            (224, 112),
            frames,
        )
    assert client.get(BASE).json()["emotes"] == [emote]
    assert client.delete(f"{BASE}/emotes/drum").status_code == 204
    assert client.get(BASE).json()["emotes"] == []


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Drum!", picture),
        ("drum", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("drum", lambda: picture()[:60]),
        ("drum", lambda: picture(400, 100)),
        ("drum", lambda: picture(5000, 5000)),
        ("drum", lambda: picture(20, 20, "GIF", 61)),
        ("drum", lambda: b"\0" * 1_000_001),
        ("drum", lambda: picture(form="BMP")),
    ],
    ids=["name", "svg", "cut", "wide", "large", "long", "heavy", "bmp"],
)
def test_what_is_no_emote(
    client: Any, channel: Channel, name: str, data: Callable[[], bytes]
) -> None:
    refused = as_(client, "olive").post(
        f"{BASE}/emotes", {"name": name, "picture": io.BytesIO(data())}
    )
    assert refused.status_code == 422, refused.content
    assert refused.json()["detail"]


def test_the_stations_emotes_are_an_administrators(client: Any, channel: Channel) -> None:
    form = {"name": "bell", "picture": io.BytesIO(picture())}
    assert as_(client, "olive").post("/api/v1/chat/emotes", form).status_code == 403
    form = {"name": "bell", "picture": io.BytesIO(picture())}
    assert as_(client, "root", admin=True).post("/api/v1/chat/emotes", form).status_code == 201
    [emote] = client.get(BASE).json()["emotes"]
    assert emote["station"]


def test_moderators_search_and_everybody_replays(client: Any, channel: Channel) -> None:
    old = keep(channel, "first words", minutes=30)
    ids = keep(channel, "the drums", "안녕하세요")
    assert client.get(f"{BASE}/messages").status_code == 401
    as_(client, "olive")
    found = client.get(f"{BASE}/messages", {"q": "DRUMS"}).json()["items"]
    assert [message["id"] for message in found] == [ids[0]]
    assert client.get(f"{BASE}/messages", {"q": "minji 안녕"}).json()["items"][0]["id"] == ids[1]
    client.logout()
    span = {"start": (NOW - timedelta(minutes=1)).isoformat(), "end": NOW.isoformat()}
    assert client.get(f"{BASE}/replay", span).json()["items"] == []
    span["end"] = (NOW + timedelta(seconds=1)).isoformat()
    first = client.get(f"{BASE}/replay", {**span, "limit": 1}).json()
    assert [message["id"] for message in first["items"]] == ids[:1]
    rest = client.get(f"{BASE}/replay", {**span, "cursor": first["next_cursor"]}).json()
    assert [message["id"] for message in rest["items"]] == ids[1:]
    span["start"] = (NOW - timedelta(hours=1)).isoformat()
    assert client.get(f"{BASE}/replay", span).json()["items"][0]["id"] == old[0]
    assert (
        client.get(f"{BASE}/replay", {"start": "2026-01-01T00:00:00", "end": NOW}).status_code
        == 422
    )


def test_a_token_stands_for_its_account(client: Any, channel: Channel) -> None:
    as_(client, "olive")
    made = send(client, "post", "/api/v1/tokens", {"name": "bot", "scopes": ["chat"]})
    assert made.status_code == 201
    token = made.json()["token"]
    [shown] = client.get("/api/v1/tokens").json()
    assert (shown["name"], shown["scopes"]) == ("bot", ["chat"])
    assert token not in json.dumps(shown)
    client.logout()
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert client.get(f"{BASE}/settings", **bearer).status_code == 200
    assert client.get("/api/v1/tokens", **bearer).status_code == 401
    wrong = {"HTTP_AUTHORIZATION": f"Bearer {token[:-1]}{'a' if token[-1] != 'a' else 'b'}"}
    assert client.get(f"{BASE}/settings", **wrong).status_code == 401
    as_(client, "olive").delete(f"/api/v1/tokens/{shown['id']}")
    client.logout()
    assert client.get(f"{BASE}/settings", **bearer).status_code == 401


def test_what_an_account_says_is_handed_to_the_chat_and_its_refusal_has_a_code(
    client: Any, channel: Channel
) -> None:
    from madang.apps.accounts import tokens
    from madang.apps.chat import ports
    from madang.chat.errors import ChatRefused
    from madang.chat.model import Account

    heard: list[tuple[str, Account, object]] = []

    class Running(ports.NullChats):
        def say(self, slug: str, account: Account, request: Any) -> dict[str, Any]:
            if request["text"] == "again":
                raise ChatRefused("slow_mode", "Slow mode: one message in 5 s.", retry_after=4.2)
            heard.append((slug, account, request))
            return {"id": "1"}

    address = f"{BASE}/messages"
    assert send(client, "post", address, {"text": "hello"}).status_code == 401
    as_(client, "olive")
    away = send(client, "post", address, {"text": "hello"})
    assert (away.status_code, away["Retry-After"]) == (503, "5")
    before = ports.chats()
    ports.install(Running())
    try:
        assert send(client, "post", address, {"text": "hello"}).json() == {"id": "1"}
        refused = send(client, "post", address, {"text": "again"})
        assert (refused.status_code, refused["Retry-After"]) == (409, "5")
        assert (refused.json()["code"], refused.json()["retry_after"]) == ("slow_mode", 4.2)
        client.logout()
        _, token = tokens.create(channel.owner, "bot", ["chat"])
        body = json.dumps({"text": "beep", "reply_to": "1"})
        client.post(
            address,
            body,
            content_type="application/json",
            HTTP_AUTHORIZATION=f"Bearer {token}",
        )
    finally:
        ports.install(before)
    assert [(slug, account.name, account.bot, said) for slug, account, said in heard] == [
        ("yard", "olive", False, {"text": "hello"}),
        ("yard", "olive", True, {"text": "beep", "reply_to": "1"}),
    ]


def test_a_replay_has_what_was_said_while_the_clock_was_set_back(
    client: Any, channel: Channel
) -> None:
    """Ids go on from the time before; the instant of each message is the clock's."""
    from madang.apps.chat import store
    from madang.chat.ids import Ids
    from madang.chat.model import Message, Role

    ids, later = Ids(3), NOW + timedelta(hours=2)
    first = ids.make(round(later.timestamp() * 1000))
    said = [(first, later), (ids.make(round(NOW.timestamp() * 1000)), NOW)]
    store.save_messages(
        [
            (channel.pk, Message(key, round(at.timestamp() * 1000), "u9", "mo", Role.MEMBER, "hi"))
            for key, at in said
        ]
    )
    span = {"start": NOW.isoformat(), "end": (NOW + timedelta(seconds=1)).isoformat()}
    found = client.get(f"{BASE}/replay", span).json()["items"]
    assert [message["id"] for message in found] == [said[1][0]]
    assert said[1][0] > first


def test_a_token_of_another_scope_does_not_write(client: Any, channel: Channel) -> None:
    from madang.apps.accounts import tokens
    from madang.apps.accounts.errors import InvalidToken

    _, token = tokens.create(channel.owner, "reader", ["read"])
    with_token = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    assert client.post(f"{BASE}/messages", {"text": "hi"}, **with_token).status_code == 401
    for name, scopes in (("x", []), ("x", ["all"]), ("", ["chat"])):
        with pytest.raises(InvalidToken):
            tokens.create(channel.owner, name, scopes)


def test_a_session_from_another_sites_page_changes_nothing(channel: Channel) -> None:
    from django.test import Client

    strict = as_(Client(HTTP_HOST="localhost", enforce_csrf_checks=True), "olive")
    assert send(strict, "patch", BASE, {"slow": 5}).status_code == 403


def test_the_last_messages_are_for_everybody_and_for_caches(client: Any, channel: Channel) -> None:
    from madang.apps.chat import store
    from madang.chat.history import SHOWN
    from madang.chat.model import Message, Role

    said = [
        Message(f"{number:018x}", 1000 * number, "g1", "ada", Role.GUEST, f"text {number}")
        for number in range(SHOWN + 2)
    ]
    store.save_messages([(channel.pk, message) for message in said])
    channel.messages.filter(key=said[-1].id).update(deleted_by="x")
    answer = client.get(f"{BASE}/recent")
    assert [each["text"] for each in answer.json()] == [m.text for m in said[1:-1]]
    assert {"id", "at", "name", "role", "person", "hue", "text"} <= answer.json()[0].keys()
    assert "max-age=2" in answer["Cache-Control"]
    assert client.get(f"{BASE}/recent", HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    assert client.get("/api/v1/channels/nowhere/chat/recent").status_code == 404
