"""Public API of channels."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Schema
from ninja.decorators import decorate_view

from madang.apps.api import PAGE_SIZE, Cursor, Limit, cacheable, page
from madang.apps.broadcasts.ports import directory
from madang.apps.channels import services
from madang.apps.channels.models import Channel

router = Router(tags=["channels"])

FRESH_SECONDS = 5
"""Delay after which clients behind a cache see that a channel is live."""


class ChannelView(Schema):
    """A channel. `live` says whether it is on the air."""

    slug: str
    title: str
    description: str
    language: str
    owner: str
    created_at: datetime
    live: bool
    watch_url: str


class ChannelPage(Schema):
    """Part of the list of channels, by slug."""

    items: list[ChannelView]
    next_cursor: str | None


@router.get("/channels", response=ChannelPage, summary="All channels")
@decorate_view(cacheable(FRESH_SECONDS))
def channels(request: HttpRequest, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> ChannelPage:
    """Return the channels of the station, by slug."""
    found, following = page(Channel.objects.select_related("owner"), "slug", cursor, limit)
    return ChannelPage(items=[channel_view(channel) for channel in found], next_cursor=following)


@router.get("/channels/{slug}", response=ChannelView, summary="One channel")
@decorate_view(cacheable(FRESH_SECONDS))
def channel(request: HttpRequest, slug: str) -> ChannelView:
    """Return the channel at `/@slug`."""
    return channel_view(services.get_channel(slug))


def channel_view(channel: Channel) -> ChannelView:
    """Return a channel, whose owner is loaded, as the API shows it."""
    card = services.card(channel)
    return ChannelView(
        slug=card.slug,
        title=card.title,
        description=card.description,
        language=card.language,
        owner=card.owner,
        created_at=card.created_at,
        live=card.slug in directory().snapshot(),
        watch_url=f"{settings.MADANG_PUBLIC_URL}/@{card.slug}",
    )
