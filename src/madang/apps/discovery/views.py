"""Public pages that list what there is."""

from __future__ import annotations

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from madang.apps.api import UnknownCursor
from madang.apps.discovery import services
from madang.apps.discovery.errors import InvalidQuery
from madang.apps.pages import public_page
from madang.apps.videos.entries import PAGE_VIDEOS, entry_of
from madang.apps.videos.models import Video

_CHANNELS: Final = 6
"""Channels above the videos on the first page of a search."""


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
