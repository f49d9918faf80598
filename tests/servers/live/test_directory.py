"""One suite for both directories of what is on the air: the hub's own, and that of another process,
which knows it through Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support import stores
from tests.support.apps import live_status
from tests.support.data_plane import Air, on_the_air, until
from tests.support.shows import Encoder, channel_key

if TYPE_CHECKING:
    from madang.apps.broadcasts.ports import LiveDirectory
    from tests.support.stores import Server

pytestmark = pytest.mark.usefixtures("committed_db")


@contextmanager
def through_redis(air: Air, url: str) -> Iterator[LiveDirectory]:
    """The directory of a process that shares nothing with the hub but Redis."""
    from redis import Redis
    from redis.asyncio import Redis as AsyncioRedis

    from madang.apps.broadcasts.redis_directory import RedisDirectory
    from madang.servers.live.cluster import ClusterMember

    member = ClusterMember(AsyncioRedis.from_url(url, socket_timeout=1.0), "here")

    async def start() -> None:
        member.start(air.hub)
        await asyncio.wait_for(member.subscribed.wait(), 10)

    air.loop.run(start())
    directory = RedisDirectory(Redis.from_url(url, socket_timeout=1.0))
    directory.start()
    try:
        yield directory
    finally:
        directory.close()
        air.loop.run(member.close())


@pytest.fixture(params=["hub", "redis"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@contextmanager
def directory_of(air: Air, kind: str, request: pytest.FixtureRequest) -> Iterator[LiveDirectory]:
    if kind == "hub":
        yield air.hub
        return
    with through_redis(air, request.getfixturevalue("redis").url) as directory:
        yield directory


def test_a_directory_tells_who_is_on_the_air_and_passes_on_what_it_is_told(
    kind: str, request: pytest.FixtureRequest
) -> None:
    from madang.apps.channels.services import rename

    with on_the_air(grace=0.5) as air, directory_of(air, kind, request) as directory:
        assert dict(directory.snapshot()) == {}
        encoder = Encoder(air, channel_key())
        until(lambda: "yard" in directory.snapshot())
        until(lambda: directory.snapshot()["yard"].state == "live")
        status = directory.snapshot()["yard"]
        assert status.codecs.startswith("avc1.")
        assert status.publisher == "127.0.0.1"
        assert status.renditions[0].height == 180
        assert status.since.tzinfo is not None
        rename("yard", title="가을 마당")
        directory.channel_changed("yard")
        until(lambda: air.status("yard")["title"] == "가을 마당")
        directory.disconnect("yard", "The station closes.")
        assert "The station closes." in str(encoder.failure)
        until(lambda: not directory.snapshot())


def test_what_a_process_told_ends_with_it(redis: Server) -> None:
    with on_the_air() as air:
        with through_redis(air, redis.url) as directory:
            encoder = Encoder(air, channel_key())
            until(lambda: "yard" in directory.snapshot())
        from redis import Redis

        from madang.apps.broadcasts.redis_directory import RedisDirectory

        later = RedisDirectory(Redis.from_url(redis.url))
        later.refresh()
        assert dict(later.snapshot()) == {}
        encoder.stop()


def test_messages_wait_for_redis_and_news_of_another_version_are_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from redis import Redis

    from madang.apps.broadcasts import redis_directory

    with stores.redis() as server:
        client = Redis.from_url(server.url, socket_timeout=1.0)
        directory = redis_directory.RedisDirectory(Redis.from_url(server.url, socket_timeout=1.0))
        client.zadd(redis_directory.PROCESSES, {"new": 9e9, "old": 9e9, "gone": 1.0})
        client.set(redis_directory.NEWS + "new", b'{"shows": 7}')
        client.set(redis_directory.NEWS + "old", redis_directory.encode([live_status("yard")]))
        with caplog.at_level(logging.WARNING):
            directory.refresh()
        assert directory.snapshot() == {"yard": live_status("yard")}
        assert "cannot be read" in caplog.text
        server.kill()
        directory.disconnect("yard", "Later.")
        server.start()
        listening = client.pubsub(ignore_subscribe_messages=True)
        listening.subscribe(redis_directory.MESSAGES)
        listening.get_message(timeout=1)
        directory.start()
        said = until(lambda: listening.get_message(timeout=0.5))
        assert redis_directory.decode_message(said["data"]) == redis_directory.DirectoryMessage(
            "disconnect", "yard", "Later."
        )
        directory.close()
