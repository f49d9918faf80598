"""The library's page, feeds, the site map; and that nothing leads to what is hidden."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, begin, recorded

pytestmark = pytest.mark.usefixtures("db")

FEED = "/feeds/@yard.xml"
HIDDEN = "안보이는"


def add(channel: Any, video_id: str, title: str, *tags: str, day: int = 0, **row: Any) -> Any:
    from madang.apps.videos import library
    from madang.apps.videos.models import Video

    video = recorded(channel, video_id, began_at=EVENING + timedelta(days=day))
    library.change(video, library.VideoChange(title=title, tags=tags))
    Video.objects.filter(pk=video_id).update(**row)
    return Video.objects.get(pk=video_id)


def ids(client: Any, path: str) -> list[str]:
    return re.findall(r'href="/v/(\w{12})"', client.get(path).content.decode())


# --- the page ---


def test_the_library_lists_all_channels_the_newest_first_by_tag_and_channel(client: Any) -> None:
    owner = make_user(admin=True)
    yard, roof = make_channel("yard", owner), make_channel("roof", owner)
    add(yard, "YardFirst111", "a", "춤", "북", day=1)
    add(roof, "RoofSecond11", "b", "춤", day=2)
    add(yard, "YardThird111", "c", day=3)
    assert ids(client, "/library/") == ["YardThird111", "RoofSecond11", "YardFirst111"]
    assert ids(client, "/library/?tag=춤") == ["RoofSecond11", "YardFirst111"]
    assert ids(client, "/library/?channel=yard") == ["YardThird111", "YardFirst111"]
    assert ids(client, "/library/?tag=춤&channel=yard") == ["YardFirst111"]
    assert ids(client, "/library/?tag=nothing") == []
    page = client.get("/library/?tag=춤")
    assert page["X-Accel-Expires"] == "2"
    body = page.content.decode()
    assert body.index("#춤</a>") < body.index("#북</a>")
    assert client.get("/library/?channel=nobody").status_code == 404
    assert client.get("/library/?cursor=x").status_code == 404
    assert client.get("/library/?tag=%00&channel=").status_code == 200
    moved = client.get("/videos?tag=x")
    assert (moved.status_code, moved["Location"]) == (302, "/library/?tag=x")


def test_older_videos_keep_the_filter(client: Any) -> None:
    yard = make_channel()
    for day in range(13):
        add(yard, f"YardDay{day + 11}111", f"{day}", "a&b", day=day)
    page = client.get("/library/?tag=a%26b").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older is not None
    assert ids(client, "/library/" + unescape(older[1])) == ["YardDay11111"]


# --- the feed ---


def items(client: Any) -> list[ET.Element]:
    return ET.fromstring(client.get(FEED).content).findall("channel/item")


def text(item: ET.Element, name: str) -> str:
    found = item.find(name)
    assert found is not None
    return found.text or ""


def test_a_feed_has_files_with_their_length_and_ids_that_stay(client: Any, settings: Any) -> None:
    yard = make_channel(title="마당 <1>\x07")
    add(yard, FIRST, "북\x0b & 춤", "춤")
    answer = client.get(FEED)
    assert answer["Content-Type"] == "application/rss+xml; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=30"
    assert client.get(FEED, HTTP_IF_NONE_MATCH=answer["ETag"]).status_code == 304
    channel = ET.fromstring(answer.content).find("channel")
    assert channel is not None
    assert text(channel, "title") == "마당 <1>"
    assert text(channel, "link") == "http://127.0.0.1:8000/@yard"
    (item,) = items(client)
    assert text(item, "title") == "북 & 춤"
    assert text(item, "category") == "춤"
    guid, enclosure = item.find("guid"), item.find("enclosure")
    assert guid is not None
    assert enclosure is not None
    assert (guid.text, guid.get("isPermaLink")) == (FIRST, "false")
    assert enclosure.attrib == {
        "url": f"http://127.0.0.1:8000/vod/{FIRST}/source.mp4",
        "length": "1000000",
        "type": "video/mp4",
    }
    settings.MADANG_PUBLIC_URL = "https://tv.example.org"
    (moved,) = items(client)
    assert text(moved, "guid") == FIRST
    assert client.get("/feeds/@nobody.xml").status_code == 404


@pytest.mark.parametrize(
    ("rendition", "kind"),  # of the first rendition, or None for no rendition
    [
        ({"width": 0}, "audio/mp4"),
        ({"files": 1}, "video/mp4"),
        ({"files": 2}, None),
        (None, None),
    ],
)
def test_an_enclosure_is_one_file(client: Any, rendition: dict[str, int] | None, kind: str) -> None:
    video = add(make_channel(), FIRST, "Drums")
    video.renditions = [] if rendition is None else [{**video.renditions[0], **rendition}]
    video.save()
    (item,) = items(client)
    enclosure = item.find("enclosure")
    assert (None if enclosure is None else enclosure.get("type")) == kind


@pytest.fixture
def settings() -> Any:
    from django.test import override_settings

    class Settings:
        def __setattr__(self, name: str, value: object) -> None:
            override = override_settings(**{name: value})
            override.enable()
            overrides.append(override)

    overrides: list[Any] = []
    yield Settings()
    for override in overrides:
        override.disable()


def test_a_trimmed_video_has_no_enclosure_of_a_wrong_length(client: Any) -> None:
    add(make_channel(), FIRST, "Drums", trim_start=60.0)
    (item,) = items(client)
    assert item.find("enclosure") is None


# --- nothing leads to what is hidden ---


def test_no_page_feed_list_or_search_has_what_is_hidden(client: Any) -> None:
    from madang.apps.videos import library

    yard = make_channel(title="마당")
    for day, letter in enumerate("ABCDEFGHJKLMNPQ"):
        add(yard, f"Shown{letter}111111", "공연", "춤", day=day)
    now = EVENING
    hidden = {
        add(yard, name.ljust(12, "1"), HIDDEN, HIDDEN, day=40 + at, **row).pk
        for at, (name, row) in enumerate(
            {
                "private": {"visibility": "private"},
                "unLisTed": {"visibility": "unlisted"},
                "binned": {"deleted_at": now},
                "gone": {"state": "deleted"},
                "asked": {"state": "asking"},
                "faiLed": {"state": "failed"},
                "queued": {"state": "queued"},
                "kept": {"temporary": True},
            }.items()
        )
    }
    begin(yard, "askedLater11", ask=True)
    hidden.add("askedLater11")
    library.Video.objects.filter(pk__in=hidden).update(description=HIDDEN)
    todo = [
        *("/", "/library/", "/search?q=공연", FEED, "/sitemap.xml", "/robots.txt", "/@yard"),
        *("/api/v1/videos?limit=4", "/api/v1/search?q=공연&limit=4", "/api/v1/channels"),
        *("/api/v1/live", "/api/v1/stats", f"/search?q={HIDDEN}", f"/library/?tag={HIDDEN}"),
        f"/api/v1/search?q={HIDDEN}",
    ]
    seen: dict[str, str] = {}
    while todo:
        path = todo.pop()
        answer = client.get(path)
        body = seen[path] = answer.content.decode()
        assert answer.status_code == 200, path
        assert HIDDEN not in body or HIDDEN in unquote(path), path
        assert not [each for each in hidden if each in body], path
        found = re.findall(r'(?:href|src)="(/[^"]*)"|<loc>http://127.0.0.1:8000(/[^<]*)', body)
        links = [unescape(one or other) for one, other in found]
        if (cursor := re.search(r'"next_cursor": "([^"]+)"', body)) is not None:
            links.append(f"{re.sub('&cursor=.*', '', path)}&cursor={cursor[1]}")
        if path.startswith(("/library/?", "/search?")):
            query = re.findall(r'href="(\?[^"]*cursor[^"]*)"', body)
            links += [path.partition("?")[0] + unescape(each) for each in query]
        ours = re.compile(r"/(?:$|@|v/|library/|search|feeds/|sitemap)")
        todo += {link for link in links if ours.match(link) or "/api/v1/" in link} - {*seen, *todo}
    assert sum(path.startswith("/v/Shown") for path in seen) == 15
    assert sum("cursor=" in path for path in seen) >= 6
