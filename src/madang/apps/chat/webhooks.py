"""Webhooks: telling other programs, signed and until they have heard it, what happens on a channel.

What is to be told lies in the database until the other side has taken it: it survives restarts.
Retries come after 10 s, 1 min, 5 min, 30 min, 2 h and 6 h; then the delivery has failed for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import secrets
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import Channel
from madang.apps.chat.errors import NoSuchWebhook, UnfitChat
from madang.apps.chat.models import Webhook, WebhookDelivery

EVENTS: Final = ("message", "ban", "live.begins", "live.ends")
TEST: Final = "test"
"""The event of a delivery that the owner asked for, to see whether it arrives."""

URL_LENGTH: Final = 500

MOST: Final = 10
"""Webhooks of one channel."""

RETRIES: Final = (10, 60, 300, 1800, 7200, 21_600)
"""Seconds after each failure."""

PATIENCE: Final = 5.0
"""Seconds that the other side may take to connect, and to answer."""

LONGEST: Final = 10.0
"""Seconds for all of it."""

KEPT: Final = timedelta(days=3)
"""For which what was told, or failed, is shown."""

CLAIM: Final = timedelta(minutes=1)
"""After which a delivery that a process took and never finished is tried again."""

MAX_WAITING: Final = 10_000
"""Deliveries of one webhook that wait: a receiver that is gone for good must not fill the disk."""

SIGNATURE: Final = "X-Madang-Signature"
_SECRET_BYTES: Final = 32
_ERROR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """How a try went: an HTTP status, or 0 and words."""

    status: int
    error: str = ""

    @property
    def taken(self) -> bool:
        """Whether the other side took it."""
        return 200 <= self.status < 300


@transaction.atomic
def add(channel: Channel, url: str, events: Sequence[str]) -> Webhook:
    """Add a webhook; its secret is made here. Raises UnfitChat."""
    unknown = set(events) - set(EVENTS)
    if unknown or not events:
        raise UnfitChat(
            format_lazy(_("A webhook needs events out of: {events}."), events=", ".join(EVENTS))
        )
    if not is_address(url):
        raise UnfitChat(_("A webhook needs an address that begins with https:// or http://."))
    if channel.webhooks.count() >= MOST:
        raise UnfitChat(
            format_lazy(_("There are {most} webhooks already."), most=MOST),
            mend=_("Remove one first."),
        )
    return Webhook.objects.create(
        channel=channel, url=url, events=sorted(set(events)), secret=_new_secret()
    )


def is_address(url: str) -> bool:
    """Whether something can be sent there: the whole address of a web server, without a name or a
    password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        len(url) <= URL_LENGTH
        and url.isprintable()
        and " " not in url
        and parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and port != 0
    )


def find(channel: Channel, webhook: int) -> Webhook:
    """A webhook of a channel. Raises NoSuchWebhook."""
    found = channel.webhooks.filter(pk=webhook).first()
    if found is None:
        raise NoSuchWebhook(format_lazy(_("There is no webhook {webhook}."), webhook=webhook))
    return found


def renew_secret(webhook: Webhook) -> str:
    """Sign with another secret from now on, and return it: it is readable only now."""
    webhook.secret = _new_secret()
    webhook.save(update_fields=["secret"])
    return webhook.secret


def try_out(webhook: Webhook, now: datetime) -> WebhookDelivery:
    """Tell a webhook something harmless, once, and return how that went.

    Waits for the other side, some seconds.
    """
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, event=TEST, content={}, at=now, due_at=now, done_at=now
    )
    outcome = send(delivery, now)
    delivery.attempts, delivery.taken = 1, outcome.taken
    delivery.status, delivery.error = outcome.status, outcome.error
    delivery.save(update_fields=["attempts", "taken", "status", "error"])
    return delivery


def remove(channel: Channel, webhook: int) -> None:
    """Remove a webhook and what it has not told yet. Raises NoSuchWebhook."""
    find(channel, webhook).delete()


def queue(channel: int, event: str, content: Mapping[str, Any], at: datetime) -> int:
    """Have every webhook of a channel that wants it tell an event; returns how many."""
    hooks = [
        hook
        for hook in Webhook.objects.filter(channel_id=channel)
        if event in hook.events and hook.deliveries.filter(done_at=None).count() < MAX_WAITING
    ]
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(webhook=hook, event=event, content=content, at=at, due_at=at)
        for hook in hooks
    )
    return len(hooks)


def wanted() -> set[tuple[int, str]]:
    """The channels' keys and events for which there are webhooks."""
    return {
        (channel, event)
        for channel, events in Webhook.objects.values_list("channel_id", "events")
        for event in events
    }


def due(now: datetime, count: int) -> list[WebhookDelivery]:
    """Deliveries to try now, in the order in which they happened; no other process gets them."""
    waiting = WebhookDelivery.objects.filter(done_at=None)
    return [
        row
        for row in waiting.select_related("webhook__channel")
        .filter(due_at__lte=now)
        .order_by("pk")[:count]
        if waiting.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + CLAIM)
    ]


def body_of(delivery: WebhookDelivery) -> bytes:
    """What is sent: the same bytes at every try."""
    told = {
        "id": f"d{delivery.pk}",
        "event": delivery.event,
        "channel": delivery.webhook.channel.slug,
        "at": delivery.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": delivery.content,
    }
    return json.dumps(told, ensure_ascii=False).encode()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """The value of the signature's header: HMAC-SHA-256 over timestamp, a point, and the body.

    The timestamp, in seconds since 1970, lets the other side refuse what somebody recorded.
    """
    digest = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def send(delivery: WebhookDelivery, now: datetime) -> DeliveryResult:
    """Try to tell. Waits at most some `PATIENCE` seconds; follows no redirects."""
    body = body_of(delivery)
    hook = delivery.webhook
    parts = urlsplit(hook.url)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Madang",
        "X-Madang-Event": delivery.event,
        "X-Madang-Delivery": f"d{delivery.pk}",
        SIGNATURE: signature(hook.secret, int(now.timestamp()), body),
    }
    path = parts.path or "/"
    try:
        connection = _connect(parts.scheme, parts.hostname or "", parts.port)
        with _for_at_most(LONGEST, connection):
            connection.request(
                "POST", f"{path}?{parts.query}" if parts.query else path, body, headers
            )
            return DeliveryResult(connection.getresponse().status)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return DeliveryResult(0, _why(error)[:_ERROR_LENGTH])


def note(delivery: WebhookDelivery, outcome: DeliveryResult, now: datetime) -> None:
    """Keep how a try went, and when the next one is due."""
    delivery.attempts += 1
    delivery.status, delivery.error = outcome.status, outcome.error
    if outcome.taken:
        delivery.done_at, delivery.taken = now, True
    elif delivery.attempts > len(RETRIES):
        delivery.done_at = now
    else:
        delivery.due_at = now + timedelta(seconds=RETRIES[delivery.attempts - 1])
    delivery.save(update_fields=["attempts", "status", "error", "done_at", "taken", "due_at"])


def forget(now: datetime) -> None:
    """Delete what was told, or failed, long ago."""
    WebhookDelivery.objects.filter(done_at__lt=now - KEPT).delete()


def recent(webhook: Webhook, count: int = 50) -> list[WebhookDelivery]:
    """The newest deliveries of a webhook."""
    return list(webhook.deliveries.order_by("-pk")[:count])


@contextlib.contextmanager
def _for_at_most(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Close the connection afterwards, and cut it if it takes longer: the limit of the socket is
    for each piece, and the other side may give a byte a second."""
    end = threading.Timer(seconds, connection.sock.shutdown, [socket.SHUT_RDWR])
    end.daemon = True
    end.start()
    try:
        yield
    finally:
        end.cancel()
        connection.close()


def _why(error: Exception) -> str:
    """What went wrong, without the names that programs have for it."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or str(error) or type(error).__name__


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)


def _connect(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    """A connection to one of the host's addresses that a stranger may name.

    Anybody who owns a channel can enter an address: it must not lead into the machine or its
    private network, unless the station itself is only there.
    """
    number = port or (443 if scheme == "https" else 80)
    found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.MADANG_WEBHOOKS_ANYWHERE:
        addresses = [one for one in addresses if ipaddress.ip_address(one).is_global]
    if not addresses:
        raise OSError("the address leads into a private network")
    sock = socket.create_connection((addresses[0], number), timeout=PATIENCE)
    connection = http.client.HTTPConnection(host, number, timeout=PATIENCE)
    if scheme == "https":
        sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    connection.sock = sock
    return connection
