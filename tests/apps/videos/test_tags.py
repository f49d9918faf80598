"""Tags of videos: in the studio, in the API, in the search."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest

from tests.support.apps import make_channel
from tests.support.videos import FIRST, recorded

pytestmark = pytest.mark.usefixtures("db")

ONE = f"/api/v1/videos/{FIRST}"


def patch(client: Any, tags: object) -> Any:
    return client.patch(ONE, json.dumps({"tags": tags}), content_type="application/json")


@pytest.fixture
def owner(client: Any) -> Any:
    channel = make_channel()
    recorded(channel)
    client.force_login(channel.owner)
    return client


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ([], []),
        (["춤", "#북소리", " 야외  공연 "], ["춤", "북소리", "야외 공연"]),
        (["Jazz", "JAZZ", "ｊａｚｚ", "blues"], ["Jazz", "blues"]),
        ([unicodedata.normalize("NFD", "한강"), "한강"], [unicodedata.normalize("NFD", "한강")]),
        (["가" * 40], ["가" * 40]),
        (["\U0001f389"], ["\U0001f389"]),
        (["a\0b"], ["a b"]),
    ],
)
def test_equal_tags_are_one_and_stay_as_they_were_written_first(
    owner: Any, written: list[str], kept: list[str]
) -> None:
    assert patch(owner, written).json()["tags"] == kept
    assert owner.get(ONE).json()["tags"] == kept


@pytest.mark.parametrize(
    "tags",
    [
        [""],
        ["#"],
        ["a, b", "!?"],
        ["가" * 41],
        ["\ufdfa" * 40],
        list(map(str, range(21))),
        "춤",
        [1],
    ],
)
def test_what_is_no_tag_is_refused_and_changes_nothing(owner: Any, tags: object) -> None:
    patch(owner, ["춤"])
    assert patch(owner, tags).status_code == 422
    assert owner.get(ONE).json()["tags"] == ["춤"]


def test_tags_are_changed_in_the_studio_and_found(owner: Any, client: Any) -> None:
    from madang.apps.discovery.services import search

    form = {"title": "Drums", "visibility": "public", "tags": "춤, #야외 공연\n북"}
    page = f"/studio/@yard/videos/{FIRST}"
    assert owner.post(page, form).status_code == 302
    assert 'value="춤, 야외 공연, 북"' in owner.get(page).content.decode()
    assert [item.pk for item in search("야외").items] == [FIRST]
    watched = client.get(f"/v/{FIRST}").content.decode()
    assert 'href="/library/?tag=%EC%95%BC%EC%99%B8%20%EA%B3%B5%EC%97%B0"' in watched
    refused = owner.post(page, {**form, "tags": "!?"})
    assert refused.status_code == 400
    assert "A tag has letters or digits" in refused.content.decode()
    assert owner.post(page, {**form, "tags": ""}).status_code == 302
    assert search("야외").items == []


def test_a_list_of_videos_reads_all_tags_at_once(owner: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.support.videos import EVENING

    patch(owner, ["춤"])
    with CaptureQueriesContext(connection) as one:
        owner.get("/api/v1/videos")
    from madang.apps.channels.models import Channel

    for at in range(4):
        recorded(Channel.objects.get(), f"Drum5atNoon{at + 1}", began_at=EVENING)
    with CaptureQueriesContext(connection) as five:
        owner.get("/api/v1/videos")
    assert len(five) == len(one)
