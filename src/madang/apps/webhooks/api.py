"""A channel's webhooks over HTTP, for its owner."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest
from ninja import Router, Schema
from ninja.responses import Status

from madang.apps.accounts.tokens import PersonAuth, caller
from madang.apps.api import Body
from madang.apps.channels.models import Channel
from madang.apps.channels.services import get_channel
from madang.apps.chat.services import need_manager
from madang.apps.webhooks import services

router = Router(tags=["webhooks"], auth=PersonAuth(csrf=True))


class NewWebhook(Body):
    """Events and the address that they are sent to."""

    url: str
    events: list[str]


class WebhookView(Schema):
    """A webhook."""

    id: int
    url: str
    events: list[str]
    added_at: datetime


class WebhookWithSecret(WebhookView):
    """A webhook and the `secret` that checks its signatures, which is readable only now."""

    secret: str


class DeliveryView(Schema):
    """One thing that was told, or is to be; `status` is HTTP's, 0 for no answer."""

    id: int
    event: str
    at: datetime
    attempts: int
    status: int
    error: str
    taken: bool
    done_at: datetime | None
    due_at: datetime


@router.get("/channels/{slug}/webhooks", response=list[WebhookView])
def index(request: HttpRequest, slug: str) -> list[WebhookView]:
    """Return the channel's webhooks."""
    return [WebhookView.from_orm(hook) for hook in _own(request, slug).webhooks.all()]


@router.post("/channels/{slug}/webhooks", response={201: WebhookWithSecret})
def add(request: HttpRequest, slug: str, body: NewWebhook) -> Status[WebhookWithSecret]:
    """Add a webhook."""
    hook = services.add(_own(request, slug), body.url, body.events)
    return Status(201, WebhookWithSecret.from_orm(hook))


@router.post("/channels/{slug}/webhooks/{webhook}/secret", response=WebhookWithSecret)
def renew_secret(request: HttpRequest, slug: str, webhook: int) -> WebhookWithSecret:
    """Sign with another secret from now on."""
    hook = services.find(_own(request, slug), webhook)
    services.renew_secret(hook)
    return WebhookWithSecret.from_orm(hook)


@router.post("/channels/{slug}/webhooks/{webhook}/test", response=DeliveryView)
def try_out(request: HttpRequest, slug: str, webhook: int) -> DeliveryView:
    """Tell a webhook the event `test` once, and return how that went."""
    hook = services.find(_own(request, slug), webhook)
    return DeliveryView.from_orm(services.send_test(hook, datetime.now(UTC)))


@router.delete("/channels/{slug}/webhooks/{webhook}", response={204: None})
def remove(request: HttpRequest, slug: str, webhook: int) -> Status[None]:
    """Remove a webhook."""
    services.remove(_own(request, slug), webhook)
    return Status(204, None)


@router.get("/channels/{slug}/webhooks/{webhook}/deliveries", response=list[DeliveryView])
def deliveries(request: HttpRequest, slug: str, webhook: int) -> list[DeliveryView]:
    """Return the newest deliveries of a webhook."""
    found = services.find(_own(request, slug), webhook)
    return [DeliveryView.from_orm(row) for row in services.recent(found)]


def _own(request: HttpRequest, slug: str) -> Channel:
    channel = get_channel(slug)
    need_manager(channel, caller(request))
    return channel
