"""API of live channels and statistics."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest
from ninja import Router, Schema
from ninja.decorators import decorate_view

from madang.apps.api import PAGE_SIZE, Cursor, Limit, cacheable, page_of
from madang.apps.broadcasts.models import Broadcast
from madang.apps.broadcasts.ports import LiveStatus, directory, rewind_url
from madang.apps.channels.models import Channel

router = Router(tags=["live"])

LIVE_FRESH_SECONDS = 2
"""Largest age of the number of viewers behind a cache."""
STATS_FRESH_SECONDS = 10
"""Counting rows is the most expensive anonymous read."""


class RenditionView(Schema):
    """A rendition on offer: pixels, frames a second, bits a second."""

    name: str
    width: int
    height: int
    frame_rate: float | None
    codecs: str
    bitrate: float


class LiveView(Schema):
    """A channel on the air. `bitrate` in bits per second. `recording_id`: the video that the show
    becomes, where it is kept; `rewind_url`: playlist from the show's first second on."""

    slug: str
    title: str
    state: str
    since: datetime
    viewers: int
    bitrate: float
    codecs: str
    renditions: list[RenditionView]
    watch_url: str
    playlist_url: str
    poster_url: str | None
    recording_id: str | None
    rewind_url: str | None


class LivePage(Schema):
    """Part of the list of channels on the air, by slug."""

    items: list[LiveView]
    next_cursor: str | None


class Stats(Schema):
    """The station in numbers, now."""

    channels: int
    live: int
    viewers: int
    broadcasts: int


@router.get("/live", response=LivePage, summary="Who is on the air")
@decorate_view(cacheable(LIVE_FRESH_SECONDS))
def live(request: HttpRequest, cursor: Cursor = None, limit: Limit = PAGE_SIZE) -> LivePage:
    """Return the channels that are on the air, by slug."""
    found, following = page_of(directory().snapshot(), cursor, limit)
    return LivePage(items=[_view(status) for status in found], next_cursor=following)


@router.get("/stats", response=Stats, summary="The station in numbers")
@decorate_view(cacheable(STATS_FRESH_SECONDS))
def stats(request: HttpRequest) -> Stats:
    """Return how much there is and how many watch."""
    on_air = directory().snapshot().values()
    return Stats(
        channels=Channel.objects.count(),
        live=len(on_air),
        viewers=sum(status.viewers for status in on_air),
        broadcasts=Broadcast.objects.count(),
    )


def _view(status: LiveStatus) -> LiveView:
    base = settings.MADANG_PUBLIC_URL
    return LiveView(
        slug=status.slug,
        title=status.title,
        state=status.state,
        since=status.since,
        viewers=status.viewers,
        bitrate=status.bitrate,
        codecs=status.codecs,
        renditions=[
            RenditionView(
                name=rendition.name,
                width=rendition.width,
                height=rendition.height,
                frame_rate=rendition.frame_rate,
                codecs=rendition.codecs,
                bitrate=rendition.bitrate,
            )
            for rendition in status.renditions
        ],
        watch_url=f"{base}/@{status.slug}",
        playlist_url=f"{base}/live/{status.slug}/index.m3u8",
        poster_url=f"{base}{status.poster}" if status.poster else None,
        recording_id=status.kept_as,
        rewind_url=f"{base}{rewind_url(status.recording_id)}" if status.recording_id else None,
    )
