"""One suite for both registers of who takes in which channel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from madang.servers.live.cluster import ClusterLink
from madang.servers.live.leases import Leases, LeasesAway, MemoryLeases
from madang.servers.live.redis_leases import RedisLeases
from tests.support import stores
from tests.support.stores import Server

LASTING = 0.6
"""Seconds of a claim here; the renewals of a running process come three times as often."""


class Ear:
    """Keeps what a process lost; stands in for its hub."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def taken(self, slug: str) -> None:
        self.lost.append(slug)

    def snapshot(self) -> dict[str, object]:
        return {}

    def channel_changed(self, slug: str) -> None:
        """Not of these tests."""

    def disconnect(self, slug: str, reason: str) -> None:
        """Not of these tests."""


class World:
    """Processes that share a register."""

    def __init__(self, kind: str, url: str | None) -> None:
        self._kind = kind
        self._url = url
        self._register: dict[str, MemoryLeases] = {}
        self._links: list[ClusterLink] = []

    async def process(self, name: str) -> tuple[Leases, Ear]:
        ear = Ear()
        if self._url is None:
            return MemoryLeases(self._register, ear.taken), ear
        link = ClusterLink(Redis.from_url(self._url, socket_timeout=1.0), name, LASTING)
        link.start(ear)
        await asyncio.sleep(0.2)  # until it listens
        self._links.append(link)
        return link.leases, ear

    async def close(self) -> None:
        for link in self._links:
            await link.close()


@pytest.fixture(params=["memory", "redis"])
def in_a_world(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Runs a story, which is given a world."""
    url = request.getfixturevalue("redis").url if request.param == "redis" else None

    def run(story: Callable[[World], object]) -> None:
        async def whole() -> None:
            world = World(request.param, url)
            if url is not None:
                async with Redis.from_url(url) as client:
                    await client.flushdb()
            try:
                await story(world)  # type: ignore[misc]
            finally:
                await world.close()

        asyncio.run(whole())

    return run


async def soon(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until it is true; fail after five seconds."""
    for _ in range(100):
        if await holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come true in time")


async def heard(ear: Ear, *slugs: str) -> None:
    async def whether() -> bool:
        return ear.lost == list(slugs)

    await soon(whether)


def test_who_takes_last_has_it_and_the_first_hears_so(in_a_world: Callable[..., None]) -> None:
    async def story(world: World) -> None:
        (one, first), (two, second) = await world.process("one"), await world.process("two")
        await one.take("yard")
        await one.take("yard")
        assert first.lost == []
        assert await two.others() == {"yard"}
        await two.take("yard")
        await heard(first, "yard")
        assert await one.others() == {"yard"}
        assert await two.others() == set()
        assert second.lost == []

    in_a_world(story)


def test_only_who_has_it_can_give_it_back(in_a_world: Callable[..., None]) -> None:
    async def story(world: World) -> None:
        (one, _), (two, _) = await world.process("one"), await world.process("two")
        await one.take("yard")
        await two.give_back("yard")
        assert await two.others() == {"yard"}
        await one.give_back("yard")
        assert await two.others() == set()

    in_a_world(story)


def test_a_renewal_finds_what_was_lost_and_takes_what_is_free(
    in_a_world: Callable[..., None],
) -> None:
    async def story(world: World) -> None:
        (one, first), (two, _) = await world.process("one"), await world.process("two")
        await two.take("yard")
        await one.renew(["yard", "hall"])
        await heard(first, "yard")
        assert await two.others() == {"hall"}

    in_a_world(story)


def test_a_claim_that_nobody_renews_ends(redis: Server) -> None:
    async def story() -> None:
        async with Redis.from_url(redis.url) as client:
            await client.flushdb()
            one = RedisLeases(client, "one", lasting=LASTING)
            two = RedisLeases(client, "two", lasting=LASTING)
            await one.take("yard")
            for _ in range(4):
                await asyncio.sleep(LASTING / 2)
                await one.renew(["yard"])
            assert await two.others() == {"yard"}

            async def free() -> bool:
                return await two.others() == set()

            await soon(free)

    asyncio.run(story())


def test_without_redis_only_what_is_ours_goes_on() -> None:
    async def story() -> None:
        with stores.redis() as server:
            client = Redis.from_url(server.url, socket_timeout=1.0, socket_connect_timeout=1.0)
            leases = RedisLeases(client, "one")
            await leases.take("yard")
            server.kill()
            await leases.take("yard", ours=True)
            await leases.give_back("hall")
            with pytest.raises(LeasesAway, match="cannot check now"):
                await leases.take("hall")
            with pytest.raises(LeasesAway):
                await leases.renew(["yard"])
            with pytest.raises(LeasesAway):
                await leases.others()
            await client.aclose()

    asyncio.run(story())
