"""The studio's pages of webhooks, with a real program that is told."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.receiver import NOW, Receiver

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel

PAGE = "/studio/@yard/webhooks"


@pytest.fixture
def channel(db: None, client: Any) -> Channel:
    """The channel `yard`, whose owner has signed in."""
    made = make_channel("yard", make_user("olive"))
    client.force_login(made.owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return made


def secret_in(page: str) -> str | None:
    found = re.search(r'id="webhook-secret" value="([^"]+)"', page)
    return found[1] if found else None


def test_a_webhook_is_made_and_its_secret_shown_once(client: Any, channel: Channel) -> None:
    assert "None yet." in client.get(PAGE).content.decode()
    made = client.post(PAGE, {"url": "https://example.org/hook", "events": ["live.begins", "ban"]})
    assert made.status_code == 201
    (hook,) = channel.webhooks.all()
    assert secret_in(made.content.decode()) == hook.secret
    for path in (PAGE, f"{PAGE}/{hook.pk}"):
        page = client.get(path).content.decode()
        assert "https://example.org/hook" in page
        assert "The show begins · A ban or a time-out" in page
        assert hook.secret not in page
    assert hook.secret not in client.get("/api/v1/channels/yard/webhooks").content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": ""}, "This field is required."),
        ({"url": "nothing at all"}, "Give a whole address"),
        ({"url": "ftp://example.org"}, "Give a whole address"),
        ({"url": "https://user:word@example.org"}, "Give a whole address"),
        ({"events": []}, "This field is required."),
        ({"events": ["everything"]}, "not one of the available choices"),
    ],
)
def test_what_does_not_fit_is_explained(
    client: Any, channel: Channel, change: dict[str, object], words: str
) -> None:
    form = {"url": "https://example.org", "events": ["ban"], **change}
    answer = client.post(PAGE, form)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not channel.webhooks.exists()


def test_a_test_is_sent_at_once_and_the_page_says_how_it_went(
    client: Any, channel: Channel, receiver: Receiver
) -> None:
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.delivery import signature

    hook = webhooks.add(channel, receiver.url, ["ban"])
    receiver.answers = [204, 500]
    arrived = client.post(f"{PAGE}/{hook.pk}", {"do": "test"}, follow=True).content.decode()
    assert "The test arrived: 204 No Content." in arrived
    failed = client.post(f"{PAGE}/{hook.pk}", {"do": "test"}, follow=True).content.decode()
    assert "The test did not arrive: 500 Internal Server Error." in failed
    assert [each["event"] for each in receiver.told()] == ["test", "test"]
    headers, body = receiver.heard[0]
    stamp = int(headers["X-Madang-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["X-Madang-Signature"] == signature(hook.secret, stamp, body)
    assert webhooks.claim_due(datetime.now(UTC), 50) == [], "a test is not tried again"
    receiver.close()
    gone = client.post(f"{PAGE}/{hook.pk}", {"do": "test"}, follow=True).content.decode()
    assert "The test did not arrive: no answer." in gone
    assert "refused" in gone


def test_the_page_shows_what_was_told_and_what_is_still_to_be(
    client: Any, channel: Channel, receiver: Receiver
) -> None:
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.delivery import send

    hook = webhooks.add(channel, receiver.url, ["live.begins", "live.ends", "message"])
    receiver.answers = [200, 503]
    for event in ("live.begins", "live.ends"):
        webhooks.queue(channel.pk, event, {}, NOW)
    for delivery in webhooks.claim_due(NOW, 50):
        webhooks.record(delivery, send(delivery, NOW), NOW)
    webhooks.queue(channel.pk, "message", {}, NOW)
    page = client.get(f"{PAGE}/{hook.pk}")
    shown = [(each.event, each.state, each.words) for each in page.context["deliveries"]]
    assert shown == [
        ("A chat message", "waiting", "not sent yet"),
        ("The show ends", "waiting", "503 Service Unavailable"),
        ("The show begins", "taken", "200 OK"),
    ]
    words = page.content.decode()
    assert "about to be sent" in words
    assert "tried again later" in words
    assert "heard" in words


def test_another_secret_is_shown_once_and_signs_from_then_on(
    client: Any, channel: Channel, receiver: Receiver
) -> None:
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.delivery import signature

    hook = webhooks.add(channel, receiver.url, ["ban"])
    page = client.post(f"{PAGE}/{hook.pk}", {"do": "secret"}).content.decode()
    fresh = secret_in(page)
    assert fresh is not None
    assert fresh != hook.secret
    assert fresh not in client.get(f"{PAGE}/{hook.pk}").content.decode()
    client.post(f"{PAGE}/{hook.pk}", {"do": "test"})
    headers, body = receiver.heard[0]
    stamp = int(headers["X-Madang-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["X-Madang-Signature"] == signature(fresh, stamp, body)


def test_a_webhook_is_deleted(client: Any, channel: Channel) -> None:
    from madang.apps.webhooks import services as webhooks

    hook = webhooks.add(channel, "https://example.org", ["ban"])
    gone = client.post(f"{PAGE}/{hook.pk}", {"do": "delete"}, follow=True)
    assert "The webhook is deleted." in gone.content.decode()
    assert client.get(f"{PAGE}/{hook.pk}").status_code == 404


def test_webhooks_are_the_owners_alone(client: Any, channel: Channel) -> None:
    from madang.apps.chat import services
    from madang.apps.webhooks import services as webhooks

    hook = webhooks.add(channel, "https://example.org", ["ban"])
    other = webhooks.add(make_channel("hall", make_user("hank")), "https://example.org", ["ban"])
    assert client.get(f"{PAGE}/{other.pk}").status_code == 404
    make_user("marshal")
    services.appoint(channel, "marshal", by=channel.owner)
    client.force_login(services.find_user("marshal"))
    for path in (PAGE, f"{PAGE}/{hook.pk}"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"do": "delete"}).status_code == 403


def test_the_api_renews_a_secret_and_sends_a_test(
    client: Any, channel: Channel, receiver: Receiver
) -> None:
    base = "/api/v1/channels/yard/webhooks"
    body = json.dumps({"url": receiver.url, "events": ["ban"]})
    made = client.post(base, body, content_type="application/json").json()
    renewed = client.post(f"{base}/{made['id']}/secret").json()
    assert renewed["secret"] != made["secret"]
    told = client.post(f"{base}/{made['id']}/test").json()
    assert (told["event"], told["taken"], told["status"]) == ("test", True, 204)
    assert client.post(f"{base}/999/test").status_code == 404
