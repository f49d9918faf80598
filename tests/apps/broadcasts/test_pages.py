from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.apps import Directory, live_status, make_channel, make_user


def test_home_tells_who_is_on_the_air_and_who_is_not(client: Any, air: Directory) -> None:
    from madang.apps.broadcasts.services import begin

    owner = make_user()
    for slug in ("yard", "hall", "attic", "porch"):
        make_channel(slug, owner)
    air.on_air = {
        "yard": live_status("yard", viewers=1),
        "hall": live_status("hall", viewers=7),
    }
    porch = make_channel("roof", owner)
    begin(porch.pk, datetime(2026, 5, 1, tzinfo=UTC))
    context = client.get("/").context
    assert [item.channel.slug for item in context["live"]] == ["hall", "yard"]
    assert [item.channel.slug for item in context["offline"]] == ["roof", "attic", "porch"]
    assert context["offline"][0].last.title == "roof"


def test_home_asks_the_database_as_often_for_many_channels_as_for_one(
    client: Any, air: Directory
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    owner = make_user()
    counts = []
    for slug in ("yard", "hall", "attic"):
        make_channel(slug, owner)
        with CaptureQueriesContext(connection) as asked:
            client.get("/")
        counts.append(len(asked))
    assert counts == [2, 2, 2]


def test_a_channel_page_has_its_title_and_what_is_on(client: Any, air: Directory) -> None:
    make_channel("yard", title="Evening <drums>")
    air.on_air = {"yard": live_status()}
    response = client.get("/@yard")
    assert response.status_code == 200
    assert "Evening &lt;drums&gt;" in response.content.decode()
    assert response.context["status"].viewers == 3
    air.on_air = {}
    assert client.get("/@yard").context["status"] is None


@pytest.mark.parametrize("path", ["/@yard", "/embed/@yard"])
def test_a_page_fetches_the_playlist_ahead_while_there_is_one(
    client: Any, air: Directory, path: str
) -> None:
    make_channel("yard")
    preload = '<link rel="preload" as="fetch" crossorigin href="/live/yard/index.m3u8">'
    assert preload not in client.get(path).content.decode()
    air.on_air = {"yard": live_status()}
    page = client.get(path).content.decode()
    assert 0 < page.index(preload) < page.index("/static/dist/"), "before scripts and styles"


@pytest.mark.parametrize("path", ["/@nobody", "/embed/@nobody", "/@Yard!", "/nowhere"])
def test_what_is_not_there_is_not_found(client: Any, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert "404.html" in [template.name for template in response.templates]


def test_pages_forbid_framing_and_scripts_of_others(client: Any) -> None:
    response = client.get("/")
    policy = response["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in directives["script-src"]
    assert "'nonce-" in directives["script-src"]
    nonce = directives["script-src"].split("'nonce-")[1].split("'")[0]
    assert f'nonce="{nonce}"' in response.content.decode()
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/@yard", "/embed/@yard"])
def test_anonymous_pages_set_no_cookie_and_may_be_kept_for_seconds(client: Any, path: str) -> None:
    make_channel("yard")
    response = client.get(path)
    assert not response.cookies
    assert response["X-Accel-Expires"] == "2"
    client.force_login(make_user("ada"))
    assert client.get(path)["X-Accel-Expires"] == "0"


def test_the_embedded_player_may_be_framed_by_any_site(client: Any) -> None:
    make_channel("yard")
    response = client.get("/embed/@yard")
    assert response.status_code == 200
    assert "frame-ancestors *" in response["Content-Security-Policy"]
    assert "X-Frame-Options" not in response


@pytest.mark.parametrize(("accept", "lang"), [("ko-KR,ko;q=0.9", "ko"), ("en", "en"), ("fr", "en")])
def test_the_browser_chooses_the_language(client: Any, accept: str, lang: str) -> None:
    body = client.get("/", HTTP_ACCEPT_LANGUAGE=accept).content.decode()
    assert f'<html lang="{lang}"' in body


def test_the_language_can_be_switched_and_is_remembered(client: Any) -> None:
    client.post("/i18n/setlang/", {"language": "ko", "next": "/"})
    assert '<html lang="ko"' in client.get("/", HTTP_ACCEPT_LANGUAGE="en").content.decode()


def test_pages_cannot_be_changed_by_posting(client: Any) -> None:
    assert client.post("/").status_code == 405
