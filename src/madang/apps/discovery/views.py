"""Public pages that list what there is."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from madang.apps.api import UnknownCursor
from madang.apps.channels.services import find
from madang.apps.discovery import services
from madang.apps.discovery.errors import InvalidQuery
from madang.apps.pages import public_page
from madang.apps.videos.entries import PAGE_VIDEOS, entry_of, page
from madang.apps.videos.library import main
from madang.apps.videos.models import Video
from madang.apps.videos.tags import key_of

_CHANNELS: Final = 6
"""Channels above the videos on the first page of a search."""


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Show the videos that everybody finds, of a tag or a channel where one is asked for."""
    videos, choice = main(), {name: request.GET.get(name, "") for name in ("tag", "channel")}
    if choice["tag"]:
        videos = videos.filter(tags__key=key_of(choice["tag"]))
    if (channel := find(choice["channel"])) is not None:
        videos = videos.filter(channel=channel.id)
    elif choice["channel"]:
        raise Http404
    cursor = request.GET.get("cursor")
    try:
        found, following = page(videos, cursor)
    except UnknownCursor:
        raise Http404 from None
    context: dict[str, Any] = {
        "videos": found,
        "next_cursor": following,
        "channel": channel,
        "tag": key_of(choice["tag"]),
        "query": urlencode({name: value for name, value in choice.items() if value}),
    }
    if cursor is None:
        context["tags"] = services.common_tags(None if channel is None else channel.id)
        context["channels"] = services.channels_with_videos()
    return public_page(request, "library.html", context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Show the channels and videos that a query finds."""
    query = request.GET.get("q", "").replace("\0", " ").strip()
    cursor = request.GET.get("cursor")
    context: dict[str, Any] = {"query": query}
    try:
        found = services.search(query, kind="video", cursor=cursor, limit=PAGE_VIDEOS)
        context["videos"] = [entry_of(each) for each in found.items if isinstance(each, Video)]
        context["next_cursor"] = found.next_cursor
        if cursor is None:
            channels = services.search(query, kind="channel", limit=_CHANNELS)
            context["channels"] = [{"channel": channel} for channel in channels.items]
    except InvalidQuery as error:
        context["refusal"] = str(error)
    except UnknownCursor:
        raise Http404 from None
    return public_page(request, "search.html", context)
