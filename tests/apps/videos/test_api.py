"""The API of videos: who sees which, and who may change them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, begin, finish, recorded

pytestmark = pytest.mark.usefixtures("db")

LIST = "/api/v1/videos"
ONE = f"{LIST}/{FIRST}"


def token_of(user: Any, *scopes: str) -> dict[str, str]:
    from madang.apps.accounts import tokens

    _card, token = tokens.create(user, "program", scopes)
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


def ids(client: Any, query: str = "", **headers: str) -> list[str]:
    return [item["id"] for item in client.get(f"{LIST}{query}", **headers).json()["items"]]


def patch(client: Any, path: str, body: object, **headers: str) -> Any:
    return client.patch(path, json.dumps(body), content_type="application/json", **headers)


def set_row(**values: Any) -> None:
    from madang.apps.videos.models import Video

    Video.objects.update(**values)


def test_an_item_has_what_the_public_surface_says(client: Any) -> None:
    recorded(make_channel(title="Drums"))
    item = client.get(ONE).json()
    assert item == client.get(LIST).json()["items"][0]
    base = f"http://127.0.0.1:8000/vod/{FIRST}"
    expected = {
        "id": FIRST,
        "channel": "yard",
        "title": "Drums",
        "description": "",
        "kind": "recording",
        "state": "ready",
        "reason": "",
        "duration": 3600.0,
        "bytes": 1_000_000,
        "views": 0,
        "visibility": "public",
        "created_at": "2026-05-01T19:00:00Z",
        "watch_url": f"http://127.0.0.1:8000/v/{FIRST}",
        "playlist_url": f"{base}/index.m3u8",
        "download_url": f"{base}/source.mp4?download=1",
        "poster_url": f"{base}/poster.jpg",
        "storyboard_url": None,
        "renditions": [
            {
                "name": "source",
                "width": 1280,
                "height": 720,
                "codecs": "avc1.64001f,mp4a.40.2",
                "bitrate": 2_400_000,
                "bytes": 1_000_000,
                "files": 1,
            }
        ],
    }
    assert {name: item[name] for name in expected} == expected
    assert (item["keep"], item["expires_at"]) == (False, "2026-05-31T20:00:00Z")
    assert client.get(f"{ONE}/renditions").json() == {
        "items": expected["renditions"],
        "next_cursor": None,
    }


def test_a_recording_that_grows_has_a_playlist_and_no_download(client: Any) -> None:
    begin(make_channel())
    item = client.get(ONE).json()
    assert (item["state"], item["download_url"], item["renditions"]) == ("recording", None, [])
    assert item["playlist_url"].endswith(f"/vod/{FIRST}/index.m3u8")


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "Nothing was recorded that can be played."),
        ("ko", "재생할 수 있게 녹화된 것이 없습니다."),
    ],
)
def test_a_failed_recording_says_why_in_the_readers_language(
    client: Any, language: str, reason: str
) -> None:
    from madang.apps.videos.services import fail_recording

    owner = make_user()
    begin(make_channel(owner=owner))
    fail_recording(FIRST, "Nothing was recorded that can be played.")
    client.force_login(owner)
    accepted = {"HTTP_ACCEPT_LANGUAGE": language}
    assert client.get(ONE, **accepted).json()["reason"] == reason
    for page in (f"/v/{FIRST}", "/studio/@yard/videos"):
        assert reason in client.get(page, **accepted).content.decode()


def test_a_video_of_sound_alone_has_no_picture(client: Any) -> None:
    recorded(make_channel())
    set_row(renditions=[{"name": "source", "width": 0, "height": 0, "codecs": "opus",
                         "bitrate": 1, "bytes": 1}])  # fmt: skip
    assert client.get(ONE).json()["poster_url"] is None


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_the_list_is_walked_from_the_newest_on(client: Any, limit: int) -> None:
    channel = make_channel()
    hours = {f"Drum5atDusk{n}": n // 2 for n in range(1, 6)}  # two began in the same instant
    for video_id, hour in hours.items():
        recorded(channel, video_id, began_at=EVENING + timedelta(hours=hour))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = client.get(LIST, query).json()
        assert len(page["items"]) <= limit
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"Drum5atDusk{n}" for n in (5, 4, 3, 2, 1)]


SEEN_BY_OTHERS = [
    ({}, True, True),
    ({"visibility": "unlisted"}, True, False),
    ({"visibility": "private"}, False, False),
    ({"state": "asking", "visibility": "private"}, False, False),
    ({"state": "recording"}, True, True),
    ({"state": "recording", "ask": True}, False, False),
    ({"state": "failed"}, False, False),
    ({"state": "processing"}, False, False),
    ({"deleted_at": EVENING}, False, False),
]


@pytest.mark.parametrize(("row", "opens", "listed"), SEEN_BY_OTHERS)
def test_others_see_what_is_public_and_ready(
    client: Any, row: dict[str, Any], opens: bool, listed: bool
) -> None:
    recorded(make_channel())
    set_row(**row)
    for reader in (None, make_user("bora")):
        if reader is not None:
            client.force_login(reader)
        assert client.get(ONE).status_code == (200 if opens else 404)
        assert client.get(f"{ONE}/renditions").status_code == (200 if opens else 404)
        assert ids(client) == ([FIRST] if listed else [])


@pytest.mark.parametrize("row", [case[0] for case in SEEN_BY_OTHERS])
def test_owner_and_administrator_see_theirs_in_every_state(
    client: Any, row: dict[str, Any]
) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    set_row(**row)
    for reader in (owner, make_user("boss", admin=True)):
        for scope in ("read", "manage"):
            headers = token_of(reader, scope)
            assert client.get(ONE, **headers).status_code == 200
            binned = "deleted_at" in row
            assert ids(client, "?state=deleted" if binned else "", **headers) == [FIRST]
            assert (ids(client, **headers) == []) is binned


@pytest.mark.parametrize("row", [{"temporary": True}, {"state": "deleted"}])
def test_nobody_sees_what_is_not_kept(client: Any, row: dict[str, Any]) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    set_row(**row)
    client.force_login(owner)
    assert client.get(ONE).status_code == 404
    assert ids(client) == ids(client, "?state=deleted") == []


def test_the_list_is_narrowed_by_channel_and_state(client: Any) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    begin(make_channel("hall", owner), SECOND)
    assert ids(client, "?channel=hall") == [SECOND]
    assert ids(client, "?state=ready") == [FIRST]
    assert ids(client, "?channel=nobody") == ids(client, "?state=failed") == []
    assert client.get(f"{LIST}?state=new").status_code == 422
    assert client.get(f"{LIST}?channel=%00").status_code == 422


@pytest.mark.parametrize("path", [LIST, ONE, f"{ONE}/renditions"])
def test_anonymous_reads_may_be_cached_and_others_not(client: Any, path: str) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    first = client.get(path)
    assert first["Cache-Control"] == "public, max-age=5"
    assert {"Cookie", "Authorization"} <= set(first["Vary"].split(", "))
    again = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    assert again.status_code == 304
    assert client.get(path, **token_of(owner, "read"))["Cache-Control"] == "private, no-cache"
    set_row(title="Another")
    if path != f"{ONE}/renditions":
        assert client.get(path, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 200


@pytest.mark.parametrize("scopes", [None, ("chat",)])
def test_a_token_that_opens_nothing_is_refused(client: Any, scopes: tuple[str] | None) -> None:
    recorded(make_channel())
    headers = token_of(make_user("bora"), *scopes) if scopes else {"HTTP_AUTHORIZATION": "Bearer x"}
    assert client.get(LIST, **headers).status_code == 401
    assert client.get(ONE, **headers).status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{LIST}/Another1Drum", 404),
        (f"{LIST}/short", 404),
        (f"{LIST}/%00", 404),
        (f"{LIST}?cursor=AA", 400),
        (f"{LIST}?cursor=MjAyNi0wNS0wMVQxOTowMDowMCB4", 400),  # a time without a zone
    ],
)
def test_what_there_is_not_is_refused(client: Any, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_the_owner_changes_a_video(client: Any) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    headers = token_of(owner, "manage")
    body = {"title": " Drums ", "description": "At dusk.", "visibility": "unlisted", "keep": True}
    changed = patch(client, ONE, body, **headers)
    assert changed.status_code == 200
    assert changed.json() == client.get(ONE, **headers).json()
    assert {name: changed.json()[name] for name in body} == {**body, "title": "Drums"}
    assert changed.json()["expires_at"] is None
    assert patch(client, ONE, {"keep": False}, **headers).json()["visibility"] == "unlisted"


@pytest.mark.parametrize(
    "body",
    [
        {"title": " "},
        {"title": "x" * 141},
        {"title": "a\0b"},
        {"description": "x" * 5001},
        {"description": "a\0b"},
        {"visibility": "members"},
        {"keep": "soon"},
        [],
    ],
)
def test_a_change_that_does_not_fit_is_refused(client: Any, body: object) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner, title="Drums"))
    client.force_login(owner)
    assert patch(client, ONE, body).status_code == 422
    assert client.get(ONE).json()["title"] == "Drums"


def test_only_the_owner_and_administrators_change_a_video(client: Any) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    other = make_user("bora")
    calls = [
        lambda **headers: patch(client, ONE, {"title": "Mine"}, **headers),
        lambda **headers: client.delete(ONE, **headers),
        lambda **headers: client.post(f"{ONE}/restore", **headers),
    ]
    for call in calls:
        assert call().status_code == 401
        assert call(**token_of(owner, "read")).status_code == 401
        assert call(**token_of(other, "manage")).status_code == 403
    set_row(visibility="private")
    for call in calls:
        assert call(**token_of(other, "manage")).status_code == 404
        assert call(**token_of(make_user(f"boss{id(call)}", admin=True), "manage")).status_code in {
            200,
            204,
        }


def test_a_deleted_video_is_in_the_bin_until_it_is_taken_out(client: Any) -> None:
    owner = make_user()
    recorded(make_channel(owner=owner))
    headers = token_of(owner, "manage")
    assert client.delete(ONE, **headers).status_code == 204
    assert client.delete(ONE, **headers).status_code == 204
    item = client.get(ONE, **headers).json()
    assert (item["state"], item["playlist_url"], item["poster_url"]) == ("deleted", None, None)
    assert item["expires_at"] is not None
    refused = patch(client, ONE, {"title": "Drums"}, **headers)
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/unfit-state")
    assert client.get(ONE).status_code == 404
    back = client.post(f"{ONE}/restore", **headers).json()
    assert (back["state"], back["visibility"]) == ("ready", "public")
    assert client.get(ONE).status_code == 200


@pytest.mark.parametrize(
    ("body", "visibility", "keep"),
    [
        ({"visibility": "public"}, "public", False),
        ({"visibility": "private"}, "private", False),
        ({"keep": True}, "public", True),
        ({"keep": True, "visibility": "unlisted"}, "unlisted", True),
    ],
)
def test_a_recording_that_asks_is_kept_by_a_visibility(
    client: Any, body: dict[str, Any], visibility: str, keep: bool
) -> None:
    owner = make_user()
    begin(make_channel(owner=owner), ask=True)
    finish(now=EVENING)
    headers = token_of(owner, "manage")
    asked = client.get(ONE, **headers).json()
    assert (asked["state"], asked["expires_at"]) == ("asking", "2026-05-02T19:00:00Z")
    assert patch(client, ONE, {"title": "Drums", "keep": False}, **headers).json()["state"] == (
        "asking"
    )
    kept = patch(client, ONE, body, **headers).json()
    assert (kept["state"], kept["visibility"], kept["keep"]) == ("ready", visibility, keep)


def test_what_is_not_in_the_bin_stays_as_it_is_when_it_is_taken_out(client: Any) -> None:
    owner = make_user()
    begin(make_channel(owner=owner), ask=True)
    finish(now=EVENING)
    headers = token_of(owner, "manage")
    asked = client.post(f"{ONE}/restore", **headers).json()
    assert (asked["state"], asked["keep"]) == ("asking", False)
    assert asked["expires_at"] == "2026-05-02T19:00:00Z"


def test_a_video_whose_time_is_over_is_exempt_once_it_is_taken_out(client: Any) -> None:
    from madang.apps.videos import library

    video = library.delete(recorded(make_channel()))
    assert library.restore(video, now=EVENING + timedelta(days=20)).keep is False
    assert library.restore(library.delete(video), now=EVENING + timedelta(days=40)).keep is True
