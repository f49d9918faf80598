"""Views: one for a browser in six hours."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.apps import make_channel, make_user
from tests.support.videos import EVENING, FIRST, SECOND, begin, recorded

HERE = "198.51.100.7"
HOUR = timedelta(hours=1)


def watch(
    browser: str,
    *,
    at: datetime = EVENING,
    address: str = HERE,
    user: Any = None,
    video: str = FIRST,
) -> bool:
    from madang.apps.discovery.viewings import count

    return count(video, browser, address, user, at)


def views(video: str = FIRST) -> int:
    from madang.apps.videos.models import Video

    return Video.objects.get(pk=video).views


@pytest.mark.usefixtures("db")
def test_a_browser_counts_once_in_six_hours_for_each_video() -> None:
    channel = make_channel()
    recorded(channel)
    recorded(channel, SECOND)
    assert watch("a")
    assert not watch("a", at=EVENING + 5.9 * HOUR, address="203.0.113.9")
    assert watch("b", at=EVENING + HOUR)
    assert watch("a", video=SECOND)
    assert watch("a", at=EVENING + 6 * HOUR)
    assert not watch("a", at=EVENING + 11 * HOUR)
    assert (views(), views(SECOND)) == (3, 1)


@pytest.mark.usefixtures("db")
def test_an_address_has_only_so_many_browsers() -> None:
    from madang.apps.discovery.viewings import BROWSERS

    recorded(make_channel())
    near = [f"2001:db8::{at:x}" for at in range(BROWSERS + 5)]
    counted = [watch(f"browser {at}", address=address) for at, address in enumerate(near)]
    assert sum(counted) == views() == BROWSERS
    assert watch("elsewhere", address="2001:db8:0:1::1")
    assert watch("later", address=near[0], at=EVENING + 6 * HOUR)


@pytest.mark.usefixtures("db")
def test_those_who_run_the_channel_and_what_is_not_ready_do_not_count() -> None:
    from madang.apps.videos.errors import NoSuchVideo
    from madang.apps.videos.models import Video

    channel = make_channel()
    recorded(channel)
    begin(channel, SECOND)
    assert not watch("a", user=channel.owner)
    assert not watch("a", user=make_user("boss", admin=True))
    assert not watch("a", video=SECOND)
    Video.objects.update(visibility="private")
    with pytest.raises(NoSuchVideo):
        watch("a")
    Video.objects.update(visibility="unlisted")
    assert watch("a", user=make_user("guest"))


@pytest.mark.usefixtures("db")
def test_what_was_counted_is_forgotten_and_the_number_stays() -> None:
    from madang.apps.discovery.models import Viewing
    from madang.apps.discovery.viewings import delete_old

    recorded(make_channel())
    watch("a")
    watch("b", at=EVENING + HOUR)
    delete_old(EVENING + 6 * HOUR)
    assert Viewing.objects.count() == 1
    assert HERE not in str(list(Viewing.objects.values()))
    assert views() == 2


@pytest.mark.usefixtures("db")
def test_the_player_tells_it_without_an_account(client: Any) -> None:
    recorded(make_channel())

    def post(body: object, video: str = FIRST) -> int:
        path = f"/api/v1/videos/{video}/views"
        answer = client.post(path, json.dumps(body), content_type="application/json")
        return int(answer.status_code)

    assert [post({"browser": "n1q2w3e4r5t6y7u8"}) for _ in range(3)] == [204, 204, 204]
    assert client.get(f"/api/v1/videos/{FIRST}").json()["views"] == 1
    assert post({"browser": "x y"}) == post({"browser": "a" * 65}) == post({}) == 422
    assert post({"browser": "n1q2w3e4"}, "Drum5atDusk9") == 404


@pytest.mark.usefixtures("committed_db")
def test_a_browser_that_asks_twice_at_once_counts_once() -> None:
    from django.db import connection

    recorded(make_channel())

    def ask(_number: int) -> bool:
        try:
            return watch("a")
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(8))) == 1
    assert views() == 1
