from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from madang.infra.socket_writer import Framing
from madang.live.flv_feed import Chunk

if TYPE_CHECKING:
    from madang.servers.live.flv_client import Block, FlvClient

BEHIND = 300_000
Story = Callable[["FlvClient"], Coroutine[Any, Any, None]]


def block(data: bytes, key_offset: int | None = None) -> Block:
    from madang.servers.live.flv_client import Block

    return Block(Chunk(data, key_offset))


@pytest.fixture
def run(station: object) -> Callable[[Story], None]:
    from madang.servers.live.flv_client import FlvClient, FlvLimits

    limits = FlvLimits(behind=BEHIND, send_timeout=0.05)

    def play(story: Story) -> None:
        async def told() -> None:
            client = FlvClient(Framing.PLAIN, lambda _: None, limits)
            client.begin(block(b"<"), skipping=False)
            await asyncio.wait_for(story(client), 5)

        asyncio.run(told())

    return play


async def received(client: FlvClient) -> bytes:
    """Return all that a quick peer gets until the end."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        client.attach(here.fileno())
        await client.over
        client.close()
        here.shutdown(socket.SHUT_WR)
        return there.recv(65_536)


def test_a_client_that_keeps_up_gets_everything_in_order(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        for data in (b"ab", b"cd", b"ef"):
            client.put(block(data))
        client.end()
        assert await received(client) == b"<abcdef"
        assert client.dropped == 0

    run(story)


def test_who_falls_behind_loses_the_queue_and_goes_on_at_the_next_key_frame(
    run: Callable[[Story], None],
) -> None:
    async def story(client: FlvClient) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            client.attach(here.fileno())
            begun = b"x" * BEHIND
            client.put(block(begun))  # more than the kernel takes: from here on all waits
            client.put(block(b"12345678", 0))
            client.put(block(b"y" * BEHIND))
            client.put(block(b"lost"))
            client.put(block(b"..KEY", 2))
            client.put(block(b"on"))
            client.end()
            got = b""
            loop = asyncio.get_running_loop()
            there.setblocking(False)
            while not got.endswith(b"on"):
                got += await loop.sock_recv(there, 65_536)
            await client.over
            client.close()
        # What was begun is finished all the same.
        assert got == b"<" + begun + b"KEYon"
        assert client.dropped == len(b"12345678lost..") + BEHIND

    run(story)


def test_the_end_comes_after_what_is_queued(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        client.put(block(b"last"))
        client.end()
        assert not client.over.done()
        assert await received(client) == b"<last"

    run(story)


def test_nothing_follows_the_last_block(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        client.put(block(b"ab"))
        client.end(block(b"last"))
        client.put(block(b"for others"))
        assert await received(client) == b"<ablast"

    run(story)


def test_nobody_is_given_up_before_there_is_a_connection(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        client.check(asyncio.get_running_loop().time())
        assert not client.over.done()
        client.end()
        assert await received(client) == b"<"

    run(story)


def test_a_peer_that_takes_nothing_is_given_up(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            client.attach(here.fileno())
            client.put(block(b"x" * BEHIND))
            now = asyncio.get_running_loop().time()
            client.check(now)
            assert not client.over.done()
            client.check(now + 0.1)
            with pytest.raises(TimeoutError):
                await client.over
            client.close()

    run(story)


def test_a_peer_that_hangs_up_is_gone_at_once(run: Callable[[Story], None]) -> None:
    async def story(client: FlvClient) -> None:
        client.hung_up()
        with pytest.raises(ConnectionError):
            await client.over
        client.put(block(b"for nobody"))
        client.close()

    run(story)
