from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user

if TYPE_CHECKING:
    from madang.apps.accounts.models import User
    from madang.chat.model import Account

RULES = {"slow": "30", "links": "off", "guests": "on", "retention_days": "30", "words": ""}


class Chats:
    """Running chats in memory: what they are told is kept."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.refuses = ""
        self.code = "unknown_person"

    def changed(self, slug: str) -> None:
        """Keep what was told."""
        self.told.append(slug)

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what was asked; refuse it where the test says so."""
        from madang.chat.errors import ChatRefused

        if self.refuses:
            raise ChatRefused(self.code, self.refuses)
        self.asked.append((slug, account.name, request))
        return {"ok": True}

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Nobody says anything through a page."""
        raise NotImplementedError

    def connections(self) -> Mapping[str, int]:
        """There are none."""
        return {}


@pytest.fixture
def chats(db: None) -> Iterator[Chats]:
    """The chats in force."""
    from madang.apps.chat import ports

    before = ports.chats()
    made = Chats()
    ports.install(made)
    yield made
    ports.install(before)


@pytest.fixture
def owner(db: None) -> User:
    """Return the owner of the channel `yard`."""
    user = make_user("owner")
    make_channel("yard", user, title="Drums")
    return user


@pytest.fixture
def moderator(owner: User) -> User:
    """Return a moderator of the chat of `yard`."""
    from madang.apps.channels.services import get_channel
    from madang.apps.chat.services import appoint

    user = make_user("marshal")
    appoint(get_channel("yard"), "marshal", by=owner)
    return user


def _picture() -> io.BytesIO:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGBA", (64, 64), "orange").save(file, "PNG")
    file.seek(0)
    file.name = "wave.png"
    return file


@pytest.mark.parametrize("path", ["/chat/@yard", "/overlay/@yard"])
def test_everybody_may_open_the_chat_alone_and_over_a_picture(
    client: Any, owner: User, path: str
) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert 'data-slug="yard"' in page.content.decode()
    assert client.get(path.replace("yard", "nobody")).status_code == 404


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", (22, 0, 30, "left", False)),
        ("size=40&stay=15&most=5&align=right&plate=1", (40, 15, 5, "right", True)),
        ("size=4000&stay=-1&most=0&align=up&plate=2", (96, 0, 1, "left", False)),
        ("size=large&stay=&most=1e3", (22, 0, 30, "left", False)),
    ],
)
def test_an_overlay_looks_as_its_address_says(
    client: Any, owner: User, query: str, shown: tuple[object, ...]
) -> None:
    context = client.get(f"/overlay/@yard?{query}").context
    assert tuple(context[name] for name in ("size", "stay", "most", "align", "plate")) == shown


def test_the_studios_chat_opens_to_those_who_keep_order(
    client: Any, owner: User, moderator: User
) -> None:
    assert client.get("/studio/@yard/chat").status_code == 302
    client.force_login(make_user("stranger"))
    for path in ("/studio/@yard/chat", "/studio/@yard/chat/log"):
        assert client.get(path).status_code == 403
    for user in (owner, moderator, make_user("boss", admin=True)):
        client.force_login(user)
        for path in ("/studio/@yard/chat", "/studio/@yard/chat/log"):
            assert client.get(path).status_code == 200
        assert client.get("/studio/@nobody/chat").status_code == 404


@pytest.mark.parametrize("path", ["moderators", "emotes"])
def test_a_moderator_does_not_choose_moderators_or_emotes(
    client: Any, moderator: User, path: str
) -> None:
    client.force_login(moderator)
    assert client.post(f"/studio/@yard/chat/{path}", {"remove": "marshal"}).status_code == 403


def test_a_moderator_finds_the_chat_in_the_studio(client: Any, moderator: User) -> None:
    client.force_login(moderator)
    context = client.get("/studio/").context
    assert [card.slug for card in context["moderated"]] == ["yard"]
    assert not context["channels"]


def test_the_owner_sets_rules_words_and_retention(client: Any, owner: User, chats: Chats) -> None:
    from django.test import TestCase

    from madang.apps.channels.services import get_channel
    from madang.apps.chat.services import shown_settings

    client.force_login(owner)
    with TestCase.captureOnCommitCallbacks(execute=True):
        given = {**RULES, "words": "  bad \n\n worse\nbad"}
        response = client.post("/studio/@yard/chat/settings", given)
    assert response["Location"] == "/studio/@yard/chat"
    assert shown_settings(get_channel("yard")) == {
        "slow": 30,
        "members_only": False,
        "emote_only": False,
        "links": "off",
        "guests": True,
        "words": ["bad", "worse"],
        "retention_days": 30,
    }
    assert chats.told == ["yard"]
    page = client.get("/studio/@yard/chat").content.decode()
    assert "bad\nworse</textarea>" in page


def test_a_moderator_sets_rules_but_neither_words_nor_retention(
    client: Any, moderator: User, chats: Chats
) -> None:
    from madang.apps.channels.services import get_channel
    from madang.apps.chat.services import shown_settings

    client.force_login(moderator)
    assert "words" not in client.get("/studio/@yard/chat").context["rules"].fields
    client.post("/studio/@yard/chat/settings", {**RULES, "words": "bad"})
    now = shown_settings(get_channel("yard"))
    assert (now["slow"], now["words"], now["retention_days"]) == (30, [], 90)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"slow": "7"}, "slow"),
        ({"links": "some"}, "links"),
        ({"retention_days": "0"}, "retention_days"),
        ({"words": "x" * 200}, "words"),
        ({"words": "\n".join(f"word{n}" for n in range(501))}, "words"),
    ],
)
def test_rules_that_do_not_fit_are_explained_at_their_field(
    client: Any, owner: User, change: dict[str, str], field: str
) -> None:
    client.force_login(owner)
    response = client.post("/studio/@yard/chat/settings", {**RULES, **change})
    assert response.status_code == 400
    assert response.context["rules"].errors[field]


def test_slow_mode_that_a_command_set_is_among_the_choices(client: Any, owner: User) -> None:
    from madang.apps.channels.services import get_channel
    from madang.apps.chat.services import change_settings

    change_settings(get_channel("yard"), slow=17)
    client.force_login(owner)
    page = client.get("/studio/@yard/chat", HTTP_ACCEPT_LANGUAGE="en").content.decode()
    assert '<option value="17" selected>One message in 17 seconds</option>' in page


def test_the_owner_makes_and_removes_moderators(client: Any, owner: User) -> None:
    make_user("marshal")
    client.force_login(owner)
    response = client.post("/studio/@yard/chat/moderators", {"account": "Marshal"})
    assert response["Location"] == "/studio/@yard/chat#moderators"
    named = [card.name for card in client.get("/studio/@yard/chat").context["moderators"]]
    assert named == ["marshal"]
    refused = client.post("/studio/@yard/chat/moderators", {"account": "nobody"})
    assert refused.status_code == 400
    assert refused.context["moderator_form"].errors["account"]
    client.post("/studio/@yard/chat/moderators", {"remove": "marshal"})
    assert not client.get("/studio/@yard/chat").context["moderators"]


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "There is no user nobody."), ("ko", "nobody 계정이 없습니다.")],
)
def test_what_a_form_is_refused_is_said_in_the_readers_language(
    client: Any, owner: User, language: str, words: str
) -> None:
    client.force_login(owner)
    client.cookies["django_language"] = language
    refused = client.post("/studio/@yard/chat/moderators", {"account": "nobody"})
    assert refused.context["moderator_form"].errors["account"] == [words]
    assert words in refused.content.decode()


def test_the_owner_adds_and_removes_emotes(client: Any, owner: User) -> None:
    client.force_login(owner)
    made = client.post("/studio/@yard/chat/emotes", {"name": "wave", "picture": _picture()})
    assert made["Location"] == "/studio/@yard/chat#emotes"
    (emote,) = client.get("/studio/@yard/chat").context["emotes"]
    assert (emote.name, emote.station) == ("wave", False)
    broken = io.BytesIO(b"no picture")
    broken.name = "wave.png"
    refused = client.post("/studio/@yard/chat/emotes", {"name": "wave", "picture": broken})
    assert refused.context["emote_form"].errors["picture"]
    wrong = client.post("/studio/@yard/chat/emotes", {"name": "No!", "picture": _picture()})
    assert wrong.context["emote_form"].errors["name"]
    client.post("/studio/@yard/chat/emotes", {"remove": "wave"})
    assert not client.get("/studio/@yard/chat").context["emotes"]
    # In another window it was removed already.
    again = client.post("/studio/@yard/chat/emotes", {"remove": "wave"}, follow=True)
    assert "There is no emote wave." in again.content.decode()


def test_a_moderator_lifts_bans_and_hears_why_not(
    client: Any, moderator: User, chats: Chats
) -> None:
    client.force_login(moderator)
    client.post("/studio/@yard/chat/bans", {"person": "g1", "kind": "ban"})
    client.post("/studio/@yard/chat/bans", {"person": "g2", "kind": "timeout"})
    assert chats.asked == [
        ("yard", "marshal", {"act": "unban", "person": "g1"}),
        ("yard", "marshal", {"act": "untimeout", "person": "g2"}),
    ]
    chats.refuses = "Nobody here is called so."
    page = client.post("/studio/@yard/chat/bans", {"person": "g3", "kind": "ban"}, follow=True)
    assert "Nobody here is called so." in page.content.decode()


def test_the_record_says_what_moderators_did_and_finds_messages(
    client: Any, moderator: User
) -> None:
    from madang.apps.channels.services import get_channel
    from madang.apps.chat import store
    from madang.chat.ids import Ids
    from madang.chat.model import Message, ModerationAction, Role

    channel = get_channel("yard")
    ids = Ids(1)
    at = 1_777_000_000_000
    store.save_messages(
        [
            (channel.pk, Message(ids.make(at), at, "g1", "minji", Role.GUEST, "drums tonight")),
            (channel.pk, Message(ids.make(at), at, "g2", "river", Role.GUEST, "buy my drums")),
        ]
    )
    act = ModerationAction(
        ids.make(at), at, "u2", "marshal", "timeout", "g2", "river", 600, "advertising"
    )
    store.save_action(channel.pk, act)
    store.save_action(
        channel.pk,
        ModerationAction(
            ids.make(at), at, "u2", "marshal", "slow", before={"slow": 0}, after={"slow": 30}
        ),
    )
    client.force_login(moderator)
    context = client.get("/studio/@yard/chat/log?q=drums", HTTP_ACCEPT_LANGUAGE="en").context
    assert [(row.words, row.name, row.detail) for row in context["log"]] == [
        ("Changed slow mode", "", "30 seconds"),
        ("Timed out", "river", "10 minutes · advertising"),
    ]
    assert [(row.name, bool(row.deleted_by)) for row in context["found"]] == [
        ("river", True),
        ("minji", False),
    ]
    assert context["found"][1].key in client.get("/studio/@yard/chat/log?q=drums").content.decode()
    empty = client.get("/studio/@yard/chat/log?q=trumpet", HTTP_ACCEPT_LANGUAGE="en")
    assert "No message has these words." in empty.content.decode()


def test_a_moderator_deletes_a_message_that_the_chat_has_forgotten(
    client: Any, moderator: User, chats: Chats
) -> None:
    from madang.apps.channels.services import get_channel
    from madang.apps.chat import store
    from madang.apps.chat.models import ChatAct, ChatMessage
    from madang.chat.model import Message, Role

    at = 1_777_000_000_000
    old = Message(f"{at * 4096:014x}0001", at, "g2", "river", Role.GUEST, "buy my drums")
    store.save_messages([(get_channel("yard").pk, old)])
    asked = {"message": old.id, "q": "my drums"}
    address = "/studio/@yard/chat/delete"
    assert client.post(address, asked)["Location"].startswith("/accounts/login/")
    client.force_login(moderator)
    assert client.post(address, asked)["Location"] == "/studio/@yard/chat/log?q=my+drums"
    assert chats.asked == [("yard", "marshal", {"act": "delete", "id": old.id})]
    assert not ChatAct.objects.exists(), "the chat knew it, and deletes it itself"

    chats.refuses, chats.code = "This message is gone already.", "unknown_message"
    page = client.post(address, asked, follow=True, HTTP_ACCEPT_LANGUAGE="en")
    assert "The message is deleted." in page.content.decode()
    [act] = ChatAct.objects.all()
    assert ChatMessage.objects.get().deleted_by == act.key
    assert (act.kind, act.by_name, act.name) == ("delete", "marshal", "river")
    for gone in (old.id, "nonsense", "\0"):
        page = client.post(address, {"message": gone}, follow=True)
        assert "This message is gone already." in page.content.decode()
    assert ChatAct.objects.count() == 1
