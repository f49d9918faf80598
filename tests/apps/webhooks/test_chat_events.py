"""Events of chats on their way to the queue of deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from madang.chat.model import Message, ModerationAction, Role
from madang.infra.clock import Clock
from tests.support.apps import make_channel
from tests.support.receiver import NOW

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel
    from madang.apps.webhooks.chat_events import ChatEventQueue

AT = round(NOW.timestamp() * 1000)
HELLO = Message("01", AT, "u1", "minji", Role.MEMBER, "hello")
BAN = ModerationAction("02", AT, "u1", "minji", "ban", "u2", "bora", reason="rude")
CLEARED = ModerationAction("03", AT, "u1", "minji", "clear")


class Seconds:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def channel(db: None) -> Channel:
    return make_channel()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def queue(channel: Channel, seconds: Seconds) -> ChatEventQueue:
    from madang.apps.webhooks.chat_events import ChatEventQueue

    return ChatEventQueue(Clock(seconds, NOW.timestamp))


def queued() -> list[tuple[str, str]]:
    from madang.apps.webhooks.models import WebhookDelivery

    rows = WebhookDelivery.objects.all()
    return [(row.event, row.content.get("text") or row.content["name"]) for row in rows]


def test_events_that_a_webhook_wants_are_queued_in_their_order(
    channel: Channel, queue: ChatEventQueue
) -> None:
    from madang.apps.webhooks import services
    from madang.apps.webhooks.models import WebhookDelivery

    services.add(channel, "https://example.org", ["message", "ban"])
    queue.flush()
    for value in (HELLO, CLEARED, BAN):
        queue.add(channel.pk, value)
    assert queued() == []
    queue.flush()
    assert queued() == [("message", "hello"), ("ban", "bora")]
    assert {row.at for row in WebhookDelivery.objects.all()} == {NOW}
    queue.flush()
    assert len(queued()) == 2


def test_a_new_webhook_is_known_after_seconds(
    channel: Channel, queue: ChatEventQueue, seconds: Seconds
) -> None:
    from madang.apps.webhooks import services
    from madang.apps.webhooks.chat_events import WANTED_SECONDS

    queue.flush()
    services.add(channel, "https://example.org", ["message"])
    seconds.now += WANTED_SECONDS - 0.1
    queue.flush()
    queue.add(channel.pk, HELLO)
    seconds.now += 0.2
    queue.flush()
    queue.add(channel.pk, HELLO)
    queue.flush()
    assert queued() == [("message", "hello")]


def test_events_wait_for_a_database_that_is_away(
    channel: Channel, queue: ChatEventQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from madang.apps.webhooks import services

    services.add(channel, "https://example.org", ["message"])
    queue.flush()
    queue.add(channel.pk, HELLO)

    def away(*_: object) -> int:
        raise OperationalError("away")

    with monkeypatch.context() as outage:
        outage.setattr(services, "queue", away)
        with pytest.raises(OperationalError):
            queue.flush()
    queue.flush()
    assert queued() == [("message", "hello")]
