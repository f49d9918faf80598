"""Public pages: home, a channel, and its player for other sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from madang.apps.broadcasts.models import Broadcast
from madang.apps.broadcasts.ports import LiveStatus, directory
from madang.apps.broadcasts.services import last_of_each
from madang.apps.channels import services as channels
from madang.apps.channels.models import Channel

CACHE_SECONDS: Final = 2
"""Time in which a page may miss that a show began; it finds out by itself."""


@dataclass(frozen=True, slots=True)
class LiveEntry:
    """A live channel on the home page."""

    channel: channels.ChannelCard
    status: LiveStatus


@dataclass(frozen=True, slots=True)
class OfflineEntry:
    """A channel on the home page that is not live, with its last show if any."""

    channel: channels.ChannelCard
    last: Broadcast | None


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show live channels, the most watched first, then others, the latest show first."""
    on_air = directory().snapshot()
    everybody = list(Channel.objects.select_related("owner"))
    shows = last_of_each(everybody)
    live: list[LiveEntry] = []
    offline: list[OfflineEntry] = []
    for channel in everybody:
        card = channels.card(channel)
        if (status := on_air.get(channel.slug)) is not None:
            live.append(LiveEntry(card, status))
        else:
            offline.append(OfflineEntry(card, shows.get(channel.pk)))
    live.sort(key=lambda entry: (-entry.status.viewers, entry.channel.slug))
    offline.sort(key=_latest_first)
    return _page(request, "home.html", {"live": live, "offline": offline})


@require_safe
def channel(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel with its player."""
    return _player(request, slug, "channel.html")


@require_safe
@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"]})  # type: ignore[arg-type]  # it passes arguments on
def embed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the player alone, which any site may frame."""
    return _player(request, slug, "embed.html")


def _player(request: HttpRequest, slug: str, template: str) -> HttpResponse:
    if (card := channels.find(slug)) is None:
        raise Http404
    return _page(request, template, {"channel": card, "status": directory().snapshot().get(slug)})


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """Render a page that a proxy in front, and no browser, may keep for anonymous readers."""
    response = render(request, template, context)
    personal = request.user.is_authenticated or "messages" in request.COOKIES
    response["X-Accel-Expires"] = "0" if personal else str(CACHE_SECONDS)
    return response


def _latest_first(entry: OfflineEntry) -> tuple[float, str]:
    began = entry.last.began_at.timestamp() if entry.last else 0.0
    return -began, entry.channel.slug
