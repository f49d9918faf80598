"""RSS of channels, the site map, and the file for robots."""

from __future__ import annotations

import re
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.feedgenerator import Enclosure, Rss201rev2Feed
from django.utils.xmlutils import SimplerXMLGenerator
from django.views.decorators.http import require_safe

from madang.apps.api import cacheable
from madang.apps.channels import services as channels
from madang.apps.videos.addresses import addresses_of
from madang.apps.videos.library import main, published
from madang.apps.videos.models import Video

FRESH_SECONDS: Final = 30
"""Delay after which readers behind a cache see a change, such as a video that is private now."""

ITEMS: Final = 50
"""Videos of a feed."""
PAGES: Final = 40_000
"""Videos of the site map; the protocol allows 50,000 addresses, and channels have some."""

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write (section 2.2)."""


class _Feed(Rss201rev2Feed):
    """RSS with the lengths of its items, as programs for podcasts read them."""

    def root_attributes(self) -> dict[str, str]:
        """Return the namespaces."""
        itunes = "http://www.itunes.com/dtds/podcast-1.0.dtd"
        return {**super().root_attributes(), "xmlns:itunes": itunes}

    def add_item_elements(self, handler: SimplerXMLGenerator, item: dict[str, Any]) -> None:
        """Write an item."""
        super().add_item_elements(handler, item)
        handler.addQuickElement("itunes:duration", str(item["duration"]))
        if item["picture"]:
            handler.addQuickElement("itunes:image", attrs={"href": item["picture"]})


@require_safe
@cacheable(FRESH_SECONDS)
def of_channel(request: HttpRequest, slug: str) -> HttpResponse:
    """Return the newest videos of a channel as RSS 2.0, their files as enclosures.

    The guid of an item is the id of the video, which no other address of the station changes.
    """
    if (channel := channels.find(slug)) is None:
        raise Http404
    home = f"{settings.MADANG_PUBLIC_URL}/@{slug}"
    feed = _Feed(
        title=_clean(channel.title or slug),
        link=home,
        description=_clean(channel.description),
        language=channel.language,
        feed_url=f"{settings.MADANG_PUBLIC_URL}/feeds/@{slug}.xml",
    )
    for video in main().filter(channel=channel.id).order_by("-created_at", "-pk")[:ITEMS]:
        addresses = addresses_of(video)
        feed.add_item(
            title=_clean(video.title),
            link=addresses.watch_url,
            description=_clean(video.description),
            pubdate=video.created_at,
            unique_id=video.pk,
            unique_id_is_permalink=False,
            categories=[_clean(tag.name) for tag in video.tags.all()],
            enclosures=_enclosures(video),
            duration=round(video.duration),
            picture=addresses.poster_url,
        )
    return HttpResponse(feed.writeString("utf-8"), "application/rss+xml; charset=utf-8")


@require_safe
@cacheable(FRESH_SECONDS)
def site_map(request: HttpRequest) -> HttpResponse:
    """Return the pages of the station that everybody finds."""
    videos = published().prefetch_related(None).select_related(None).order_by("-created_at", "-pk")
    context = {
        "base": settings.MADANG_PUBLIC_URL,
        "channels": channels.list_channels(),
        "videos": videos.values_list("pk", "created_at")[:PAGES],
    }
    return render(request, "sitemap.xml", context, "application/xml")


@require_safe
@cacheable(FRESH_SECONDS)
def robots(request: HttpRequest) -> HttpResponse:
    """Return what robots may read, and where the site map is."""
    lines = ("User-agent: *", "Disallow: /search", "Disallow: /studio/", "Disallow: /accounts/")
    where = f"Sitemap: {settings.MADANG_PUBLIC_URL}/sitemap.xml"
    return HttpResponse("\n".join([*lines, "", where, ""]), "text/plain; charset=utf-8")


def _enclosures(video: Video) -> list[Enclosure]:
    """Return the file of a video; none where its recording has several, which no address joins, and
    for a trimmed one, whose row does not know the length of what is left with its head."""
    trimmed = video.trim_start is not None or video.trim_end is not None
    if trimmed or not video.renditions or (first := video.renditions[0]).get("files", 1) > 1:
        return []
    url = f"{settings.MADANG_PUBLIC_URL}/vod/{video.pk}/{first['name']}.mp4"
    return [Enclosure(url, str(first["bytes"]), "video/mp4" if first["width"] else "audio/mp4")]


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)
