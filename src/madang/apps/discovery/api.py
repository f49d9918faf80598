"""API of search, and of views."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.decorators import decorate_view
from ninja.responses import Status
from pydantic import Field

from madang.apps.accounts.models import User
from madang.apps.api import PAGE_SIZE, Body, Cursor, Limit, cacheable
from madang.apps.channels.api import FRESH_SECONDS, ChannelView, channel_view
from madang.apps.channels.models import Channel
from madang.apps.discovery import services, viewings
from madang.apps.videos.api import VideoView
from madang.apps.videos.cards import card
from madang.apps.videos.models import Video

router = Router(tags=["search"])


class FoundView(Schema):
    """A video or a channel that was found; the other one is null."""

    type: Literal["video", "channel"]
    video: VideoView | None
    channel: ChannelView | None


class FoundPage(Schema):
    """Part of what was found: first what has most of the words in its title, the newest first
    among equals."""

    items: list[FoundView]
    next_cursor: str | None


@router.get("/search", response=FoundPage, summary="Search for videos and channels")
@decorate_view(cacheable(FRESH_SECONDS))
def search(
    request: HttpRequest,
    q: Annotated[
        str,
        Query(
            max_length=services.QUERY_LENGTH,
            description="words, each a part of one in title, tags or description",
        ),
    ],
    type: Annotated[services.Kind | None, Query(description="only of this type")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> FoundPage:
    """Return the public videos and the channels that have every word of `q`."""
    found = services.search(q, kind=type, cursor=cursor, limit=limit)
    return FoundPage(items=[_view(item) for item in found.items], next_cursor=found.next_cursor)


class Watched(Body):
    """A browser that has played a video: a random number of its own, which it keeps."""

    browser: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]


@router.post("/videos/{video_id}/views", response={204: None}, summary="Count a view")
def watched(request: HttpRequest, video_id: str, body: Watched) -> Status[None]:
    """Count a view, after ten seconds of it were played; once for a browser in six hours."""
    user = request.user if isinstance(request.user, User) else None
    viewings.count(video_id, body.browser, request.META["REMOTE_ADDR"], user, timezone.now())
    return Status(204, None)


def _view(item: Video | Channel) -> FoundView:
    if isinstance(item, Video):
        return FoundView(type="video", video=VideoView.from_orm(card(item)), channel=None)
    return FoundView(type="channel", video=None, channel=channel_view(item))
