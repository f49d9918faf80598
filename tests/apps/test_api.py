from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.support.apps import Directory, live_status, make_channel, make_user

OTHERS = (
    "plan",
    "tokens",
    "tokens/{token_id}",
    "search",
    "uploads",
    "jobs",
    "jobs/{job_id}",
    "jobs/{job_id}/cancel",
    "jobs/{job_id}/retry",
    "video-changes",
    "video-changes/{change_id}/undo",
    "videos",
    "videos/{video_id}",
    "videos/{video_id}/chat",
    "videos/{video_id}/clips",
    "videos/{video_id}/renditions",
    "videos/{video_id}/poster",
    "videos/{video_id}/restore",
    "videos/{video_id}/subtitles",
    "videos/{video_id}/subtitles/{subtitles_id}",
    "videos/{video_id}/views",
    "chat/emotes",
    "chat/emotes/{name}",
    "channels/{slug}/chat",
    "channels/{slug}/chat/settings",
    "channels/{slug}/chat/moderators",
    "channels/{slug}/chat/moderators/{name}",
    "channels/{slug}/chat/emotes",
    "channels/{slug}/chat/emotes/{name}",
    "channels/{slug}/chat/messages",
    "channels/{slug}/chat/recent",
    "channels/{slug}/chat/replay",
    "channels/{slug}/chat/log",
    "channels/{slug}/chat/bans",
    "channels/{slug}/chat/acts",
    "channels/{slug}/webhooks",
    "channels/{slug}/webhooks/{webhook}",
    "channels/{slug}/webhooks/{webhook}/deliveries",
    "channels/{slug}/webhooks/{webhook}/secret",
    "channels/{slug}/webhooks/{webhook}/test",
)


def walk(client: Any, path: str, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, query).json()
        pages.append([item["slug"] for item in page["items"]])
        cursor = page["next_cursor"]
    return pages


@pytest.mark.parametrize(
    ("limit", "pages"),
    [(1, [["a1"], ["b1"], ["c1"]]), (2, [["a1", "b1"], ["c1"]]), (3, [["a1", "b1", "c1"]])],
)
def test_lists_are_walked_page_by_page(
    client: Any, air: Directory, limit: int, pages: list[list[str]]
) -> None:
    owner = make_user()
    for slug in ("b1", "a1", "c1"):
        make_channel(slug, owner)
        air.on_air[slug] = live_status(slug)
    assert walk(client, "/api/v1/channels", limit) == pages
    assert walk(client, "/api/v1/live", limit) == pages


def test_a_channel_says_whether_it_is_live(client: Any, air: Directory) -> None:
    make_channel("yard", title="Drums")
    channel = client.get("/api/v1/channels/yard").json()
    assert (channel["title"], channel["live"]) == ("Drums", False)
    assert channel["watch_url"] == "http://127.0.0.1:8000/@yard"
    air.on_air = {"yard": live_status()}
    assert client.get("/api/v1/channels/yard").json()["live"] is True


def test_live_tells_everybody_what_is_on_but_not_from_where(client: Any, air: Directory) -> None:
    air.on_air = {"yard": live_status()}
    response = client.get("/api/v1/live")
    (item,) = response.json()["items"]
    assert item["viewers"] == 3
    assert item["playlist_url"] == "http://127.0.0.1:8000/live/yard/index.m3u8"
    assert item["poster_url"] == "http://127.0.0.1:8000/live/yard/poster.jpg"
    assert item["recording_id"] is None
    assert item["rewind_url"] is None
    assert "192.0.2.7" not in response.content.decode()


@pytest.mark.parametrize("kept", [True, False])
def test_live_names_the_recording_only_where_it_is_kept(
    client: Any, air: Directory, kept: bool
) -> None:
    name = "3kYfG8sQ1abZ"
    air.on_air = {"yard": replace(live_status(), recording_id=name, recording_kept=kept)}
    (item,) = client.get("/api/v1/live").json()["items"]
    assert item["recording_id"] == (name if kept else None)
    assert item["rewind_url"] == f"http://127.0.0.1:8000/vod/{name}/index.m3u8"


def test_stats_count_what_there_is(client: Any, air: Directory) -> None:
    make_channel("yard")
    air.on_air = {"yard": live_status(viewers=4), "hall": live_status("hall", viewers=2)}
    assert client.get("/api/v1/stats").json() == {
        "channels": 1,
        "live": 2,
        "viewers": 6,
        "broadcasts": 0,
    }


@pytest.mark.parametrize("path", ["channels", "channels/yard", "live", "stats"])
def test_anonymous_reads_may_be_cached_and_revalidated(
    client: Any, air: Directory, path: str
) -> None:
    make_channel("yard")
    first = client.get(f"/api/v1/{path}")
    assert first["Cache-Control"].startswith("public, max-age=")
    assert "Cookie" in first["Vary"]
    again = client.get(f"/api/v1/{path}", HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    air.on_air = {"yard": live_status()}
    changed = client.get(f"/api/v1/{path}", HTTP_IF_NONE_MATCH=first["ETag"])
    assert changed.status_code == 200


def test_answers_to_somebody_signed_in_stay_out_of_shared_caches(client: Any) -> None:
    client.force_login(make_user())
    assert client.get("/api/v1/channels")["Cache-Control"] == "private, no-cache"
    assert "public" not in client.get("/api/v1/me").get("Cache-Control", "")


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/api/v1/channels/nobody", 404, "unknown-channel"),
        ("/api/v1/channels?cursor=%21%21", 400, "unknown-cursor"),
        ("/api/v1/live?cursor=____", 400, "unknown-cursor"),
        ("/api/v1/channels?cursor=AA", 400, "unknown-cursor"),  # a zero byte
        ("/api/v1/channels?limit=0", 422, "invalid-request"),
        ("/api/v1/channels?limit=9999", 422, "invalid-request"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/api/v2/channels", 404, "not-found"),
    ],
)
def test_refusals_are_problem_details(client: Any, path: str, status: int, name: str) -> None:
    """RFC 9457 section 3: members `type`, `title`, `status`, `detail`, `instance`."""
    response = client.get(path)
    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status)
    assert response["Content-Type"] == "application/problem+json"
    assert problem["type"] == f"http://localhost/api/problems/{name}"
    assert problem["title"]
    assert problem["instance"] == path.split("?", maxsplit=1)[0]
    assert response["Cache-Control"] == "no-store"
    assert client.get(problem["type"].removeprefix("http://localhost")).status_code == 200


@pytest.mark.parametrize(
    ("accepted", "title", "detail"),
    [
        ({}, "There is no such channel", "There is no channel nobody."),
        (
            {"HTTP_ACCEPT_LANGUAGE": "ko-KR,ko;q=0.9,en;q=0.8"},
            "그런 채널이 없습니다",
            "nobody 채널이 없습니다.",
        ),
    ],
    ids=["nothing", "Korean"],
)
def test_a_problem_speaks_the_language_that_the_request_accepts(
    client: Any, accepted: dict[str, str], title: str, detail: str
) -> None:
    answer = client.get("/api/v1/channels/nobody", **accepted)
    problem = answer.json()
    assert (problem["title"], problem["detail"]) == (title, detail)
    assert problem["type"] == "http://localhost/api/problems/unknown-channel"
    assert "Accept-Language" in answer["Vary"]
    assert title in client.get("/api/problems/unknown-channel", **accepted).content.decode()


def test_an_address_that_no_channel_can_have_is_unknown(client: Any) -> None:
    answer = client.get("/api/v1/channels/%00")
    assert answer.status_code == 404
    assert answer.json()["type"].endswith("/unknown-channel")


def test_an_invalid_request_names_the_field(client: Any) -> None:
    problem = client.get("/api/v1/channels?limit=0").json()
    assert problem["errors"][0]["field"] == "limit"
    assert problem["errors"][0]["detail"]


def test_every_problem_is_explained_at_its_address(client: Any) -> None:
    from madang.apps.problems import problem_types

    for name, problem in problem_types().items():
        assert str(problem.meaning) in client.get(f"/api/problems/{name}").content.decode()
    assert client.get("/api/problems/no-such").status_code == 404


def test_an_error_that_has_no_entry_of_its_own_takes_that_of_its_parent(db: None) -> None:
    from madang.apps.channels.errors import ChannelError, KeyRefused
    from madang.apps.problems import FAILED, INVALID_REQUEST, problem_of
    from madang.base.errors import MadangError

    assert problem_of(KeyRefused("no")) is INVALID_REQUEST
    assert problem_of(ChannelError("no")) is INVALID_REQUEST
    assert problem_of(MadangError("no")) is FAILED


def test_the_description_lists_every_address(client: Any) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert set(described["paths"]) == {
        "/api/v1/me",
        "/api/v1/channels",
        "/api/v1/channels/{slug}",
        "/api/v1/live",
        "/api/v1/stats",
    } | {f"/api/v1/{address}" for address in OTHERS}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("get", "channels/{slug}", None, 404),
        ("get", "channels?cursor=AA", None, 400),
        ("get", "channels?limit=0", None, 422),
        ("patch", "channels/{slug}/chat", {"slow": 5}, 401),
        ("post", "tokens", {"name": "x", "scopes": ["all"]}, 422),
        ("get", "me", None, 401),
    ],
)
def test_the_description_has_what_is_refused(
    client: Any, method: str, path: str, body: object, status: int
) -> None:
    described = client.get("/api/v1/openapi.json").json()
    named = path.partition("?")[0]
    answers = described["paths"][f"/api/v1/{named}"][method]["responses"]
    if status == 422:
        client.force_login(make_user())
    wrong = {"HTTP_AUTHORIZATION": "Bearer none"} if status == 401 else {}
    answer = client.generic(
        method, f"/api/v1/{path.format(slug='nobody')}", json.dumps(body),
        content_type="application/json", **wrong,
    )  # fmt: skip
    assert answer.status_code == status
    kind = answer.json()["type"].rpartition("/")[2]
    assert named == "me" or kind in answers[str(status)]["description"]
    assert str(status) in answers
    assert "503" in answers
    assert "Problem" in described["components"]["schemas"]


@pytest.mark.parametrize("body", ["[]", '[["slow", 5]]', '"slow"', "5", "null", "", "{"])
def test_a_body_is_an_object(client: Any, body: str) -> None:
    make_channel(owner=(owner := make_user()))
    client.force_login(owner)
    address = "/api/v1/channels/yard/chat"
    assert client.patch(address, body, content_type="application/json").status_code == 422
    assert client.patch(address, "{}", content_type="application/json").status_code == 200


def test_a_token_that_reads_opens_what_is_read_and_nothing_else(client: Any) -> None:
    from madang.apps.accounts import tokens

    make_channel(owner=(owner := make_user("olive")))
    _card, token = tokens.create(owner, "reader", ["read"])
    with_token = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    base = "/api/v1/channels/yard/chat"
    for path in ("settings", "moderators", "messages", "log", "bans"):
        assert client.get(f"{base}/{path}", **with_token).status_code == 200
    me = client.get("/api/v1/me", **with_token).json()
    assert (me["signed_in"], me["name"]) == (True, "olive")
    for method, path, body in (
        ("patch", base, {"slow": 5}),
        ("post", f"{base}/messages", {"text": "hi"}),
        ("post", f"{base}/acts", {"act": "clear"}),
        ("delete", f"{base}/emotes/drum", None),
    ):
        refused = client.generic(
            method, path, json.dumps(body), content_type="application/json", **with_token
        )
        assert refused.status_code == 401


def test_the_documents_run_under_the_content_security_policy(client: Any) -> None:
    response = client.get("/api/docs")
    body = response.content.decode()
    assert response.status_code == 200
    assert "Content-Security-Policy" in response
    assert "https://" not in body
    assert '"/api/v1/openapi.json"' in body
    scripts = [line for line in body.splitlines() if "<script" in line]
    assert scripts
    assert all("src=" in line or "application/json" in line for line in scripts)
