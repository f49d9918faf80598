"""The studio's pages of a channel's webhooks and their deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final, Literal

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from madang.apps.channels import services as channels
from madang.apps.channels.models import Channel
from madang.apps.chat.studio_parts import attempt, room_of
from madang.apps.webhooks import services
from madang.apps.webhooks.errors import NoSuchWebhook
from madang.apps.webhooks.models import Webhook, WebhookDelivery

SHOWN: Final = 50
"""Deliveries on one page."""

EVENTS: Final = {
    "live.begins": gettext_lazy("The show begins"),
    "live.ends": gettext_lazy("The show ends"),
    "video.ready": gettext_lazy("A video is ready"),
    "video.failed": gettext_lazy("A recording failed"),
    "message": gettext_lazy("A chat message"),
    "ban": gettext_lazy("A ban or a time-out"),
    services.TEST: gettext_lazy("Test"),
}

State = Literal["taken", "waiting", "failed"]


class WebhookForm(forms.Form):
    """Form of a new webhook."""

    url = forms.CharField(
        label=gettext_lazy("address"),
        max_length=services.URL_LENGTH,
        help_text=gettext_lazy("What happens is sent there as JSON, with POST."),
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.org/hook", "spellcheck": "false"}
        ),
    )
    events = forms.MultipleChoiceField(
        label=gettext_lazy("what it is told"),
        choices=[(name, EVENTS[name]) for name in EVENTS if name != services.TEST],
        initial=["live.begins", "live.ends"],
        widget=forms.CheckboxSelectMultiple,
    )

    def clean_url(self) -> str:
        """Check the address: Django's own check takes no host name without a point."""
        url: str = self.cleaned_data["url"]
        if not services.is_address(url):
            raise forms.ValidationError(
                _("Give a whole address that begins with https:// or http://."), code="address"
            )
        return url


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery, as the pages show it."""

    at: datetime
    event: str
    state: State
    words: str
    detail: str
    attempts: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class WebhookCard:
    """A webhook, as the pages show it; `last` is its newest delivery."""

    id: int
    url: str
    events: list[str]
    added_at: datetime
    last: DeliveryRow | None


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def index(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel's webhooks, and make one from the form."""
    channel, _user = room_of(request, slug, owner=True)
    form = WebhookForm(request.POST or None)
    made: list[Webhook] = []

    def add(given: Mapping[str, Any]) -> None:
        made.append(services.add(channel, given["url"], given["events"]))

    if request.method == "POST" and attempt(form, add):
        form = WebhookForm()
    context = {
        "channel": channels.card(channel),
        "may_run": True,
        "webhooks": [_card(hook) for hook in channel.webhooks.all()],
        "form": form,
        # No redirect: the secret is readable only in this answer.
        "secret": made[0].secret if made else None,
    }
    status = 201 if made else 400 if form.errors else 200
    return render(request, "studio/webhooks.html", context, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, slug: str, webhook: int) -> HttpResponse:
    """Show what a webhook was told; try it out, renew its secret, delete it."""
    channel, _user = room_of(request, slug, owner=True)
    try:
        hook = services.find(channel, webhook)
    except NoSuchWebhook:
        raise Http404 from None
    match request.POST.get("do"):
        case "test":
            _report(request, _row(services.send_test(hook, datetime.now(UTC))))
            return redirect("studio-webhook", slug=slug, webhook=webhook)
        case "secret":
            return _page(request, channel, hook, secret=services.renew_secret(hook))
        case "delete":
            services.remove(channel, webhook)
            messages.success(request, _("The webhook is deleted."))
            return redirect("studio-webhooks", slug=slug)
    return _page(request, channel, hook)


def _page(
    request: HttpRequest, channel: Channel, hook: Webhook, *, secret: str = ""
) -> HttpResponse:
    context = {
        "channel": channels.card(channel),
        "may_run": True,
        "webhook": _card(hook),
        "deliveries": [_row(each) for each in services.recent(hook, SHOWN)],
        "secret": secret,
    }
    return render(request, "studio/webhook.html", context)


def _report(request: HttpRequest, row: DeliveryRow) -> None:
    if row.state == "taken":
        messages.success(request, _("The test arrived: %(how)s.") % {"how": row.words})
    else:
        messages.error(request, _("The test did not arrive: %(how)s.") % {"how": row.words})


def _card(hook: Webhook) -> WebhookCard:
    last = services.recent(hook, 1)
    return WebhookCard(
        id=hook.pk,
        url=hook.url,
        events=[str(EVENTS[name]) for name in EVENTS if name in hook.events],
        added_at=hook.added_at,
        last=_row(last[0]) if last else None,
    )


def _row(row: WebhookDelivery) -> DeliveryRow:
    state: State = "taken" if row.taken else "waiting" if row.done_at is None else "failed"
    return DeliveryRow(
        at=row.at,
        event=str(EVENTS.get(row.event, row.event)),
        state=state,
        words=_in_words(row),
        detail=row.error,
        attempts=row.attempts,
        due_at=row.due_at if state == "waiting" else None,
    )


def _in_words(row: WebhookDelivery) -> str:
    """Return the receiver's response in words."""
    if row.attempts == 0:
        return _("not sent yet")
    if row.status == 0:
        return _("no answer")
    try:
        return f"{row.status} {HTTPStatus(row.status).phrase}"
    except ValueError:
        return str(row.status)
