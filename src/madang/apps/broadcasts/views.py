"""Public pages: home, a channel, and its player for other sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from csp.decorators import csp_replace
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from madang.apps.accounts.models import User
from madang.apps.broadcasts.models import Broadcast
from madang.apps.broadcasts.ports import LiveStatus, directory
from madang.apps.broadcasts.services import last_of_each
from madang.apps.channels import services as channels
from madang.apps.channels.models import Channel
from madang.apps.pages import public_page
from madang.apps.videos import entries as videos
from madang.apps.videos.clips import may_clip


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
    return public_page(request, "home.html", {"live": live, "offline": offline})


@require_safe
def channel(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a channel with its player and its newest videos."""
    kept, following = videos.page_of_channel(slug)
    clips, more_clips = videos.page_of_channel(slug, clips=True)
    found = Channel.objects.select_related("owner").filter(slug=slug).first()
    user = request.user if isinstance(request.user, User) else None
    more = {
        "videos": kept,
        "next_cursor": following,
        "clips": clips,
        "more_clips": more_clips,
        "may_clip": found is not None and may_clip(found, user),
    }
    return _player(request, slug, "channel.html", more)


@require_safe
@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"]})  # type: ignore[arg-type]  # it passes arguments on
def embed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the player alone, which any site may frame."""
    return _player(request, slug, "embed.html", {})


def _player(request: HttpRequest, slug: str, template: str, more: dict[str, Any]) -> HttpResponse:
    if (card := channels.find(slug)) is None:
        raise Http404
    status = directory().snapshot().get(slug)
    return public_page(request, template, {"channel": card, "status": status, **more})


def _latest_first(entry: OfflineEntry) -> tuple[float, str]:
    began = entry.last.began_at.timestamp() if entry.last else 0.0
    return -began, entry.channel.slug
