"""A store is away for a while: what runs goes on, what comes gets a clear answer, and all of it is
well again by itself. Real servers, ended and frozen; what a minute would do, ten seconds show, as
no limit of the program lies between the two but claims, which are let run out."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.station.roles.test_roles import ask, live_on
from tests.support.encoders import Encoder, Recipe, publish, sample
from tests.support.split import Role, Split, split_station
from tests.support.station import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    with split_station(
        tmp_path_factory.mktemp("outages"), "yard", "hall", LIVE__GRACE="5", HTTP__PROCESSES="1"
    ) as station:
        yield station


@pytest.fixture(scope="module")
def show(split: Split, live: Role) -> Iterator[Encoder]:
    """The channel `yard`, on the air throughout."""
    picture = sample(Recipe(length=60.0))
    with publish(picture, address(live, split, "yard"), loop=True) as encoder:
        until(lambda: "#EXTINF" in ask(live.http, PLAYLIST)[1], "on the air", within=45)
        yield encoder


PLAYLIST = "/live/yard/source/media.m3u8"


def address(live: Role, split: Split, slug: str) -> str:
    return f"rtmp://{live.rtmp}/live/{split.station.keys[slug]}"


def newest(live: Role) -> int:
    """The sequence number that comes next."""
    text = ask(live.http, PLAYLIST)[1]
    first = next(x for x in text.splitlines() if x.startswith("#EXT-X-MEDIA-SEQUENCE:"))
    return int(first.partition(":")[2]) + text.count("#EXTINF")


def assert_goes_on(live: Role, show: Encoder, seconds: float) -> None:
    """Segments come for that long, one after the other."""
    began, reached = time.monotonic(), newest(live)
    while time.monotonic() - began < seconds:
        until(lambda after=reached: newest(live) > after, "the next segment", within=4)
        reached = newest(live)
    assert show.running


def refusal_of_an_encoder(live: Role, split: Split) -> str:
    """Return the answer to an encoder of the other channel."""
    with publish(sample(Recipe(length=60.0)), address(live, split, "hall")) as encoder:
        encoder.ended(within=45)
    return live.said()


def test_without_the_database_shows_go_on_and_all_comes_back(
    split: Split, web: Role, live: Role, show: Encoder
) -> None:
    assert ask(web.http, "/")[0] == 200
    split.database.kill()
    assert_goes_on(live, show, 4)
    # Who watches and who comes to watch what is on the air.
    assert ask(live.http, "/live/yard/index.m3u8")[0] == 200
    assert json.loads(ask(live.http, "/live/yard/status.json")[1])["state"] == "live"
    # What nobody can know now.
    assert ask(live.http, "/live/nothing/status.json")[0] == 503
    status, page = ask(web.http, "/", **{"Accept-Language": "ko"})
    assert status == 503
    assert "잠시" in page
    status, problem = ask(web.http, "/api/v1/channels")
    assert status == 503
    assert json.loads(problem)["type"].endswith("/api/problems/away")
    assert "The station's database does not answer now." in refusal_of_an_encoder(live, split)
    for role in (web, live):
        assert ask(role.http, "/healthz")[0] == 200
        until(lambda at=role: ask(at.http, "/readyz")[0] == 503, "not ready")
    split.database.start()
    until(lambda: ask(web.http, "/")[0] == 200, "pages again", within=15)
    for role in (web, live):
        until(lambda at=role: ask(at.http, "/readyz")[0] == 200, "ready", within=15)
    assert_goes_on(live, show, 2)


def test_a_database_that_hangs_holds_nobody_for_long(
    split: Split, web: Role, live: Role, show: Encoder
) -> None:
    split.database.freeze()
    try:
        began = time.monotonic()
        assert ask(web.http, "/")[0] == 503
        assert time.monotonic() - began < 10
        assert ask(web.http, "/healthz")[0] == 200
        assert_goes_on(live, show, 2)
    finally:
        split.database.thaw()
    until(lambda: ask(web.http, "/")[0] == 200, "pages again", within=15)


def test_without_redis_everything_that_runs_goes_on_and_all_comes_back(
    split: Split, web: Role, live: Role, show: Encoder
) -> None:
    until(lambda: live_on(web.http), "the page knows")
    split.redis.kill()
    assert_goes_on(live, show, 4)
    assert [x["slug"] for x in live_on(web.http)] == ["yard"]
    assert ask(web.http, "/@yard")[0] == 200
    assert ask(web.http, "/accounts/login/")[0] == 200
    assert "cannot check now who else sends" in refusal_of_an_encoder(live, split)
    split.redis.start()
    # It begins empty: claims and news are there again because they are told again.
    client = split.redis.answers[:-1]
    until(
        lambda: (
            b"madang:claim:yard" in subprocess.check_output([*client, "KEYS", "madang:claim:*"])
        ),
        "the claim again",
    )
    with publish(sample(Recipe(length=60.0)), address(live, split, "hall"), loop=True):
        until(
            lambda: (
                {x["slug"] for x in live_on(web.http) if x["state"] == "live"} == {"yard", "hall"}
            ),
            "both on the air, as the page says",
            within=15,
        )
    assert_goes_on(live, show, 2)


def test_redis_that_hangs_slows_nothing_down(
    split: Split, web: Role, live: Role, show: Encoder
) -> None:
    split.redis.freeze()
    try:
        assert_goes_on(live, show, 2)
        ask(web.http, "/accounts/login/")
        began = time.monotonic()
        assert ask(web.http, "/")[0] == 200
        assert time.monotonic() - began < 3
    finally:
        split.redis.thaw()


def test_the_show_was_one_show_with_all_its_figures(
    split: Split, live: Role, show: Encoder, tmp_path: Path
) -> None:
    """After everything above; its record went through two outages of the database."""
    show.finish()
    until(lambda: "channel yard: the show is over (finished)" in live.said(), "over", within=15)
    live.stop()
    query = (
        "SELECT count(*), sum((ended_at IS NOT NULL)::int), min(end_reason), "
        "min(bytes_in) > 100000 FROM broadcasts_broadcast b "
        "JOIN channels_channel c ON c.id = b.channel_id WHERE c.slug = 'yard'"
    )
    asked = split.database.answers
    command = ["madang" if word == "postgres" else word for word in asked[:-1]]
    said = subprocess.run(
        [*command, query, "-At"],
        env=split.database.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.strip() == "1|1|finished|t"
