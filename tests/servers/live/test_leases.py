"""One suite for both kinds of leases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from madang.servers.live.cluster import ClusterIntervals, ClusterMember
from madang.servers.live.leases import Leases, LeasesAway, MemoryLeases
from madang.servers.live.redis_leases import PREFIX, RedisLeases
from tests.support import stores
from tests.support.stores import Server

LASTING = 0.6
"""Seconds of a lease here; the renewals of a running process come three times as often."""


class Hub:
    """Keeps what a process lost; stands in for its hub."""

    def __init__(self) -> None:
        self.lost: list[str] = []

    def lease_lost(self, slug: str) -> None:
        self.lost.append(slug)

    def snapshot(self) -> dict[str, object]:
        return {}

    def channel_changed(self, slug: str) -> None:
        """Not of these tests."""

    def disconnect(self, slug: str, reason: str) -> None:
        """Not of these tests."""


class World:
    """Processes that share their leases."""

    def __init__(self, kind: str, url: str | None) -> None:
        self._kind = kind
        self._url = url
        self._owners: dict[str, MemoryLeases] = {}
        self._members: list[ClusterMember] = []

    async def process(self, name: str) -> tuple[Leases, Hub]:
        hub = Hub()
        if self._url is None:
            return MemoryLeases(self._owners, hub.lease_lost), hub
        member = ClusterMember(
            Redis.from_url(self._url, socket_timeout=1.0), name, ClusterIntervals(lease=LASTING)
        )
        member.start(hub)
        await asyncio.wait_for(member.subscribed.wait(), 10)
        self._members.append(member)
        return member.leases, hub

    async def close(self) -> None:
        for member in self._members:
            await member.close()


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


async def told(hub: Hub, *slugs: str) -> None:
    async def whether() -> bool:
        return hub.lost == list(slugs)

    await soon(whether)


def test_the_last_to_acquire_has_it_and_the_first_is_told(in_a_world: Callable[..., None]) -> None:
    async def story(world: World) -> None:
        (one, first), (two, second) = await world.process("one"), await world.process("two")
        await one.acquire("yard")
        await one.acquire("yard")
        assert first.lost == []
        assert await two.held_by_others() == {"yard"}
        await two.acquire("yard")
        await told(first, "yard")
        assert await one.held_by_others() == {"yard"}
        assert await two.held_by_others() == set()
        assert second.lost == []

    in_a_world(story)


def test_only_the_holder_can_release(in_a_world: Callable[..., None]) -> None:
    async def story(world: World) -> None:
        (one, _), (two, _) = await world.process("one"), await world.process("two")
        await one.acquire("yard")
        await two.release("yard")
        assert await two.held_by_others() == {"yard"}
        await one.release("yard")
        assert await two.held_by_others() == set()

    in_a_world(story)


def test_a_renewal_finds_what_was_lost_and_acquires_what_is_free(
    in_a_world: Callable[..., None],
) -> None:
    async def story(world: World) -> None:
        (one, first), (two, _) = await world.process("one"), await world.process("two")
        await two.acquire("yard")
        await one.renew(["yard", "hall"])
        await told(first, "yard")
        assert await two.held_by_others() == {"hall"}

    in_a_world(story)


def test_a_lease_that_is_not_renewed_ends(redis: Server) -> None:
    async def story() -> None:
        async with Redis.from_url(redis.url) as client:
            await client.flushdb()
            one = RedisLeases(client, "one", lasting=LASTING)
            two = RedisLeases(client, "two", lasting=LASTING)
            await one.acquire("yard")
            key = PREFIX + "yard"
            assert 0 < await client.pttl(key) <= LASTING * 1000
            await client.pexpire(key, 60_000)
            await one.renew(["yard"])
            assert 0 < await client.pttl(key) <= LASTING * 1000
            assert await two.held_by_others() == {"yard"}

            async def free() -> bool:
                return await two.held_by_others() == set()

            await soon(free)

    asyncio.run(story())


def test_without_redis_only_what_is_ours_goes_on() -> None:
    async def story() -> None:
        with stores.redis() as server:
            client = Redis.from_url(server.url, socket_timeout=1.0, socket_connect_timeout=1.0)
            leases = RedisLeases(client, "one")
            await leases.acquire("yard")
            server.kill()
            await leases.acquire("yard", ours=True)
            await leases.release("hall")
            with pytest.raises(LeasesAway, match="cannot check now"):
                await leases.acquire("hall")
            with pytest.raises(LeasesAway):
                await leases.renew(["yard"])
            with pytest.raises(LeasesAway):
                await leases.held_by_others()
            await client.aclose()

    asyncio.run(story())
