"""The chat in a window of its own, and as an overlay in a broadcaster's program."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from madang.apps.channels import services as channels
from madang.apps.channels.services import ChannelCard

SIZE: Final = 22
"""Pixels of the letters on an overlay, for a picture of 1080 lines."""
SIZES: Final = (10, 96)
STAY: Final = 0
"""Seconds after which a message fades; 0 leaves it until others push it out."""
STAYS: Final = (0, 600)
MOST: Final = 30
"""Messages on an overlay at once."""
MOSTS: Final = (1, 100)


@require_safe
def window(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the chat alone, for a second screen."""
    return render(request, "chat.html", {"channel": _channel(slug)})


@require_safe
def overlay(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the messages without a background, by `size`, `stay`, `most`, `align` and `plate` of the
    query. A value out of bounds becomes the nearest one: nobody reads an error on an overlay."""
    context = {
        "channel": _channel(slug),
        "size": _between(request, "size", SIZE, SIZES),
        "stay": _between(request, "stay", STAY, STAYS),
        "most": _between(request, "most", MOST, MOSTS),
        "align": "right" if request.GET.get("align") == "right" else "left",
        "plate": request.GET.get("plate") == "1",
    }
    return render(request, "overlay.html", context)


def _channel(slug: str) -> ChannelCard:
    if (card := channels.find(slug)) is None:
        raise Http404
    return card


def _between(request: HttpRequest, name: str, otherwise: int, bounds: tuple[int, int]) -> int:
    try:
        value = int(request.GET.get(name, otherwise))
    except ValueError:
        return otherwise
    least, most = bounds
    return min(most, max(least, value))
