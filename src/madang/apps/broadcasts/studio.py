"""Studio page of a channel: stream key, health of the stream, details, past shows."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from madang.apps import problems
from madang.apps.broadcasts import advice_texts
from madang.apps.broadcasts.ports import LiveStatus, directory, rfc3339
from madang.apps.broadcasts.services import recent
from madang.apps.channels import refusals
from madang.apps.channels import services as channels
from madang.apps.channels.errors import ChannelError, NoSuchChannel
from madang.apps.channels.models import Channel
from madang.apps.channels.views import signed_in
from madang.apps.videos import library

DETAILS = ("title", "description", "language")


@login_required
@never_cache
@require_safe
def channel_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the page of a channel to its owner and administrators."""
    return _render_channel(request, _managed_channel(request, slug))


@login_required
@never_cache
@require_POST
def details(request: HttpRequest, slug: str) -> HttpResponse:
    """Change title, description or language, and notify viewers."""
    channel = _managed_channel(request, slug)
    try:
        given = _submitted_details(request)
        changed = channels.rename(channel.slug, **given)
    except ChannelError as error:
        if _wants_json(request):
            return problems.respond(request, problems.problem_of(error), str(error))
        return _render_channel(request, channel, error=str(error), status=400)
    directory().channel_changed(slug)
    if _wants_json(request):
        return JsonResponse({name: getattr(changed, name) for name in ("slug", *DETAILS)})
    return redirect("studio-channel", slug=slug)


@login_required
@never_cache
@require_POST
def key(request: HttpRequest, slug: str) -> HttpResponse:
    """Replace the stream key, disconnect a publisher with the old one, show the new one once."""
    channel, made = channels.rotate_key(_managed_channel(request, slug).slug)
    directory().disconnect(slug, _("The stream key was replaced."))
    if _wants_json(request):
        return JsonResponse(
            {"slug": slug, "stream_key": str(made), "publish_url": settings.MADANG_PUBLISH_URL}
        )
    return _render_channel(request, channel, stream_key=str(made))


@login_required
@never_cache
@require_safe
def stream_health(request: HttpRequest, slug: str) -> HttpResponse:
    """Return health of the stream, and advice in the reader's language."""
    channel = _managed_channel(request, slug)
    status = directory().snapshot().get(channel.slug)
    advice = [asdict(note) for note in refusals.notes_of(channel.pk)]
    advice += [asdict(item) for item in advice_texts.localize(status.advice if status else ())]
    return JsonResponse(
        {
            "state": status.state if status else "offline",
            "status": _numbers(status) if status else None,
            "advice": advice,
        }
    )


def _managed_channel(request: HttpRequest, slug: str) -> Channel:
    user = signed_in(request)
    try:
        channel = channels.get_channel(slug)
    except NoSuchChannel:
        raise Http404 from None
    if not channels.may_run(user, channel):
        raise PermissionDenied
    return channel


def _render_channel(
    request: HttpRequest,
    channel: Channel,
    *,
    stream_key: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "channel": channels.card(channel),
        "publish_url": settings.MADANG_PUBLISH_URL,
        "keys": channels.list_keys(channel.slug),
        "stream_key": stream_key,
        "error": error,
        "status": directory().snapshot().get(channel.slug),
        "health_url": reverse("studio-health", kwargs={"slug": channel.slug}),
        "broadcasts": recent(channel),
        "asking": library.asking_of(channel).count(),
    }
    return render(request, "studio/channel.html", context, status=status)


def _submitted_details(request: HttpRequest) -> dict[str, str]:
    if request.content_type != "application/json":
        return {name: request.POST[name] for name in DETAILS if name in request.POST}
    try:
        body: Any = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not all(
        isinstance(body.get(name, ""), str) for name in DETAILS
    ):
        raise ChannelError(_("Expected a JSON object with title, description or language as text."))
    return {name: body[name] for name in DETAILS if name in body}


def _wants_json(request: HttpRequest) -> bool:
    return (
        request.content_type == "application/json"
        or request.get_preferred_type(["text/html", "application/json"]) == "application/json"
    )


def _numbers(status: LiveStatus) -> dict[str, object]:
    plain = {field.name: getattr(status, field.name) for field in fields(status)}
    del plain["advice"]
    return {
        **plain,
        "since": rfc3339(status.since),
        "renditions": [asdict(rendition) for rendition in status.renditions],
    }
