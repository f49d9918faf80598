"""Webhooks of channels, and the queue of their deliveries.

A delivery stays in the database until the receiver has taken it: it survives restarts. Attempts
follow after `RETRIES`; then it has failed for good.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import Channel
from madang.apps.webhooks.delivery import DeliveryResult, send
from madang.apps.webhooks.errors import InvalidWebhook, NoSuchWebhook
from madang.apps.webhooks.models import Webhook, WebhookDelivery

EVENTS: Final = ("message", "ban", "live.begins", "live.ends", "video.ready", "video.failed")
TEST: Final = "test"
"""Event of a delivery that the owner asked for, to see whether it arrives."""

URL_LENGTH: Final = 500

MAX_WEBHOOKS: Final = 10
"""Webhooks of one channel."""

RETRIES: Final = (10, 60, 300, 1800, 7200, 21_600)
"""Seconds after each failure."""

RETENTION: Final = timedelta(days=3)
"""Time for which deliveries that are done stay in the list."""

LEASE: Final = timedelta(minutes=1)
"""Time after which a delivery that a process took and never finished is tried again."""

MAX_WAITING: Final = 10_000
"""Unfinished deliveries of one webhook: a receiver that is gone for good must not fill the disk."""

_SECRET_BYTES: Final = 32


@transaction.atomic
def add(channel: Channel, url: str, events: Sequence[str]) -> Webhook:
    """Add a webhook with a new secret. Raises InvalidWebhook."""
    unknown = set(events) - set(EVENTS)
    if unknown or not events:
        raise InvalidWebhook(
            format_lazy(_("A webhook needs events out of: {events}."), events=", ".join(EVENTS))
        )
    if not is_address(url):
        raise InvalidWebhook(_("A webhook needs an address that begins with https:// or http://."))
    if channel.webhooks.count() >= MAX_WEBHOOKS:
        raise InvalidWebhook(
            format_lazy(_("There are {most} webhooks already."), most=MAX_WEBHOOKS),
            mend=_("Remove one first."),
        )
    return Webhook.objects.create(
        channel=channel, url=url, events=sorted(set(events)), secret=_new_secret()
    )


def is_address(url: str) -> bool:
    """Return True for an absolute URL of a web server, without user information."""
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
    """Return a webhook of a channel. Raises NoSuchWebhook."""
    found = channel.webhooks.filter(pk=webhook).first()
    if found is None:
        raise NoSuchWebhook(format_lazy(_("There is no webhook {webhook}."), webhook=webhook))
    return found


def renew_secret(webhook: Webhook) -> str:
    """Replace the secret and return the new one: it is readable only now."""
    webhook.secret = _new_secret()
    webhook.save(update_fields=["secret"])
    return webhook.secret


def send_test(webhook: Webhook, now: datetime) -> WebhookDelivery:
    """Send the event `test` once and return the delivery. Waits for the receiver, some seconds."""
    delivery = WebhookDelivery.objects.create(
        webhook=webhook, event=TEST, content={}, at=now, due_at=now, done_at=now
    )
    outcome = send(delivery, now)
    delivery.attempts, delivery.taken = 1, outcome.taken
    delivery.status, delivery.error = outcome.status, outcome.error
    delivery.save(update_fields=["attempts", "taken", "status", "error"])
    return delivery


def remove(channel: Channel, webhook: int) -> None:
    """Remove a webhook with its deliveries. Raises NoSuchWebhook."""
    find(channel, webhook).delete()


def queue(channel: int, event: str, content: Mapping[str, Any], at: datetime) -> int:
    """Queue an event for every webhook of a channel that wants it; return how many do."""
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
    """Return the channels' keys and events for which there are webhooks."""
    return {
        (channel, event)
        for channel, events in Webhook.objects.values_list("channel_id", "events")
        for event in events
    }


def claim_due(now: datetime, count: int) -> list[WebhookDelivery]:
    """Take deliveries that are due, the oldest first; no other process gets them for LEASE."""
    waiting = WebhookDelivery.objects.filter(done_at=None)
    return [
        row
        for row in waiting.select_related("webhook__channel")
        .filter(due_at__lte=now)
        .order_by("pk")[:count]
        if waiting.filter(pk=row.pk, due_at=row.due_at).update(due_at=now + LEASE)
    ]


def record(delivery: WebhookDelivery, outcome: DeliveryResult, now: datetime) -> None:
    """Store the outcome of an attempt, and when the next one is due."""
    delivery.attempts += 1
    delivery.status, delivery.error = outcome.status, outcome.error
    if outcome.taken:
        delivery.done_at, delivery.taken = now, True
    elif delivery.attempts > len(RETRIES):
        delivery.done_at = now
    else:
        delivery.due_at = now + timedelta(seconds=RETRIES[delivery.attempts - 1])
    delivery.save(update_fields=["attempts", "status", "error", "done_at", "taken", "due_at"])


def delete_done(now: datetime) -> int:
    """Delete deliveries that were done RETENTION ago; return how many."""
    deleted, _by_model = WebhookDelivery.objects.filter(done_at__lt=now - RETENTION).delete()
    return deleted


def recent(webhook: Webhook, count: int = 50) -> list[WebhookDelivery]:
    """Return the newest deliveries of a webhook."""
    return list(webhook.deliveries.order_by("-pk")[:count])


def _new_secret() -> str:
    return secrets.token_urlsafe(_SECRET_BYTES)
