"""Webhooks: signed, told again until heard, never told into a private network."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from madang.base.addresses import Reach
from tests.support.apps import make_channel
from tests.support.markdown import ROOT
from tests.support.receiver import NOW, Receiver

if TYPE_CHECKING:
    from madang.apps.channels.models import Channel
    from madang.station.config.settings import Settings


@pytest.fixture
def channel(db: None) -> Channel:
    return make_channel()


def send_due(now: datetime) -> int:
    """Do as the worker does; return how many deliveries were due."""
    from madang.apps.webhooks.models import WebhookDelivery
    from madang.apps.webhooks.sender import DeliverySender
    from madang.infra.clock import Clock

    due = WebhookDelivery.objects.filter(done_at=None, due_at__lte=now).count()
    DeliverySender(Clock(time.monotonic, now.timestamp)).send_due()
    return due


def genuine(secret: str, header: str, body: bytes) -> bool:
    """The check that the guide shows, taken from there."""
    page = (ROOT / "docs/guide/chat-bots.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code is not None
    space: dict[str, Any] = {}
    exec(code[1], space)
    result: bool = space["genuine"](secret, header, body)
    return result


def test_what_is_told_is_signed_as_the_guide_says(channel: Channel, receiver: Receiver) -> None:
    from madang.apps.webhooks import services as webhooks

    hook = webhooks.add(channel, receiver.url, ["ban", "live.begins"])
    assert webhooks.wanted() == {(channel.pk, "ban"), (channel.pk, "live.begins")}
    assert webhooks.queue(channel.pk, "message", {}, NOW) == 0
    assert webhooks.queue(channel.pk, "ban", {"name": "민지"}, NOW) == 1
    assert send_due(NOW) == 1
    [(headers, body)] = receiver.heard
    assert json.loads(body) | {"id": ""} == {
        "id": "",
        "event": "ban",
        "channel": "yard",
        "at": "2026-11-25T10:00:00.000Z",
        "data": {"name": "민지"},
    }
    assert genuine(hook.secret, headers["X-Madang-Signature"], body)
    assert not genuine(hook.secret, headers["X-Madang-Signature"], body + b" ")
    assert not genuine("another", headers["X-Madang-Signature"], body)
    expected = hmac.new(
        hook.secret.encode(), f"{int(NOW.timestamp())}.".encode() + body, hashlib.sha256
    ).hexdigest()
    assert headers["X-Madang-Signature"].endswith(expected)
    assert send_due(NOW + timedelta(days=1)) == 0


def test_what_was_not_heard_is_told_again_with_the_same_id(
    channel: Channel, receiver: Receiver
) -> None:
    from madang.apps.webhooks import services as webhooks

    hook = webhooks.add(channel, receiver.url, ["ban"])
    webhooks.queue(channel.pk, "ban", {}, NOW)
    receiver.answers = [500, 302]
    now = NOW
    for wait in webhooks.RETRIES[:2]:
        assert send_due(now) == 1
        assert send_due(now + timedelta(seconds=wait - 1)) == 0
        now += timedelta(seconds=wait)
    assert send_due(now) == 1
    assert len({body for _, body in receiver.heard}) == 1
    [delivery] = webhooks.recent(hook)
    assert (delivery.attempts, delivery.taken, delivery.status) == (3, True, 204)


def test_a_receiver_that_is_gone_is_given_up_after_hours(channel: Channel) -> None:
    from madang.apps.webhooks import services as webhooks
    from tests.support.station import free_ports

    hook = webhooks.add(channel, f"http://127.0.0.1:{free_ports(1)[0]}/", ["ban"])
    webhooks.queue(channel.pk, "ban", {}, NOW)
    now = NOW
    for wait in (*webhooks.RETRIES, 0):
        assert send_due(now) == 1
        now += timedelta(seconds=wait)
    assert send_due(now + timedelta(days=1)) == 0
    [delivery] = webhooks.recent(hook)
    assert (delivery.taken, delivery.status) == (False, 0)
    assert "refused" in delivery.error
    webhooks.delete_done(now + timedelta(days=4))
    assert webhooks.recent(hook) == []


def test_two_processes_never_tell_the_same_at_once(channel: Channel, receiver: Receiver) -> None:
    from madang.apps.webhooks import services as webhooks

    webhooks.add(channel, receiver.url, ["ban"])
    webhooks.queue(channel.pk, "ban", {}, NOW)
    assert len(webhooks.claim_due(NOW, 50)) == 1
    assert webhooks.claim_due(NOW, 50) == []
    assert len(webhooks.claim_due(NOW + webhooks.LEASE, 50)) == 1, "of a process that has died"


@pytest.mark.parametrize(
    ("reach", "host"),
    [
        *(("internet", host) for host in ("127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254")),
        *(("internet", host) for host in ("localhost", "[64:ff9b::7f00:1]", "[fec0::1]")),
        *(("network", host) for host in ("127.1", "0", "localhost", "2130706433")),
        *(("network", host) for host in ("169.254.169.254", "[2002:7f00:1::]")),
    ],
)
def test_a_webhook_leads_into_no_network_that_its_owner_does_not_reach(
    channel: Channel, reach: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.conf import settings

    from madang.apps.webhooks import services as webhooks

    monkeypatch.setattr(settings, "MADANG_WEBHOOKS_REACH", Reach(reach))
    hook = webhooks.add(channel, f"http://{host}/", ["ban"])
    webhooks.queue(channel.pk, "ban", {}, NOW)
    send_due(NOW)
    [delivery] = webhooks.recent(hook)
    assert "private network" in delivery.error


def test_the_address_that_was_checked_is_connected_to(station: Settings) -> None:
    """A name server may answer otherwise the second time: the name is not looked up again."""
    from madang.apps.webhooks.delivery import AddressInfo, connect
    from tests.support.station import free_ports

    asked: list[tuple[str, int]] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        here, nobody = server.getsockname(), ("127.0.0.1", free_ports(1)[0])

        def resolve(host: str, port: int, **_kinds: int) -> list[AddressInfo]:
            asked.append((host, port))
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", at) for at in (nobody, here)]

        connection = connect("http", "rebinding.invalid", 8000, 5.0, resolve)
        assert connection.sock.getpeername() == here
        assert asked == [("rebinding.invalid", 8000)]
        connection.close()


@pytest.mark.parametrize(
    ("url", "events"),
    [
        ("https://example.org", []),
        ("https://example.org", ["everything"]),
        ("ftp://example.org", ["ban"]),
        ("https://user:password@example.org", ["ban"]),
        ("example.org", ["ban"]),
    ],
)
def test_webhooks_that_do_not_fit(channel: Channel, url: str, events: list[str]) -> None:
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.errors import InvalidWebhook

    with pytest.raises(InvalidWebhook):
        webhooks.add(channel, url, events)


def test_a_receiver_that_answers_a_byte_at_a_time_is_cut_off(channel: Channel) -> None:
    """The timeout of a socket is for each read: four such receivers would hold up all others."""
    from madang.apps.webhooks import services as webhooks
    from madang.apps.webhooks.delivery import Timeouts, send

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            sock, _ = server.accept()
            with sock, contextlib.suppress(OSError):
                while not over.wait(0.05):
                    sock.sendall(b"H")

        threading.Thread(target=drip, daemon=True).start()
        webhooks.add(channel, f"http://127.0.0.1:{server.getsockname()[1]}/", ["ban"])
        webhooks.queue(channel.pk, "ban", {}, NOW)
        (delivery,) = webhooks.claim_due(NOW, 1)
        began = time.monotonic()
        result = send(delivery, NOW, Timeouts(total=0.5))
        over.set()
    assert not result.taken
    assert time.monotonic() - began < 3.0
