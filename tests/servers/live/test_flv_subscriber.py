from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest

from madang.infra.socket_writer import Framing
from madang.live.flv_feed import Chunk

if TYPE_CHECKING:
    from madang.servers.live.flv_subscriber import Block, FlvSubscriber

MAX_BEHIND = 300_000
Story = Callable[["FlvSubscriber"], Coroutine[Any, Any, None]]


def block(data: bytes, key_offset: int | None = None) -> Block:
    from madang.servers.live.flv_subscriber import Block

    return Block(Chunk(data, key_offset))


@pytest.fixture
def run(station: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], None]:
    from madang.servers.live import flv_subscriber

    monkeypatch.setattr(flv_subscriber, "MAX_BEHIND", MAX_BEHIND)
    monkeypatch.setattr(flv_subscriber, "SEND_TIMEOUT", 0.05)

    def play(story: Story) -> None:
        async def told() -> None:
            reader = flv_subscriber.FlvSubscriber(Framing.PLAIN, lambda _: None)
            reader.begin(block(b"<"), skipping=False)
            await asyncio.wait_for(story(reader), 5)

        asyncio.run(told())

    return play


async def received(reader: FlvSubscriber) -> bytes:
    """What a quick peer gets until the end."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        reader.attach(here.fileno())
        await reader.over
        reader.close()
        here.shutdown(socket.SHUT_WR)
        return there.recv(65_536)


def test_a_reader_that_keeps_up_gets_everything_in_order(run: Callable[[Story], None]) -> None:
    async def story(reader: FlvSubscriber) -> None:
        for data in (b"ab", b"cd", b"ef"):
            reader.put(block(data))
        reader.end()
        assert await received(reader) == b"<abcdef"
        assert reader.dropped == 0

    run(story)


def test_who_falls_behind_loses_the_queue_and_goes_on_at_the_next_key_frame(
    run: Callable[[Story], None],
) -> None:
    async def story(reader: FlvSubscriber) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            reader.attach(here.fileno())
            begun = b"x" * MAX_BEHIND
            reader.put(block(begun))  # more than the kernel takes: from here on all waits
            reader.put(block(b"12345678", 0))
            reader.put(block(b"y" * MAX_BEHIND))
            reader.put(block(b"lost"))
            reader.put(block(b"..KEY", 2))
            reader.put(block(b"on"))
            reader.end()
            got = b""
            loop = asyncio.get_running_loop()
            there.setblocking(False)
            while not got.endswith(b"on"):
                got += await loop.sock_recv(there, 65_536)
            await reader.over
            reader.close()
        # What was begun is finished all the same.
        assert got == b"<" + begun + b"KEYon"
        assert reader.dropped == len(b"12345678lost..") + MAX_BEHIND

    run(story)


def test_the_end_comes_after_what_is_queued(run: Callable[[Story], None]) -> None:
    async def story(reader: FlvSubscriber) -> None:
        reader.put(block(b"last"))
        reader.end()
        assert not reader.over.done()
        assert await received(reader) == b"<last"

    run(story)


def test_nobody_is_given_up_before_there_is_a_connection(run: Callable[[Story], None]) -> None:
    async def story(reader: FlvSubscriber) -> None:
        reader.check(asyncio.get_running_loop().time())
        assert not reader.over.done()
        reader.end()
        assert await received(reader) == b"<"

    run(story)


def test_a_peer_that_takes_nothing_is_given_up(run: Callable[[Story], None]) -> None:
    async def story(reader: FlvSubscriber) -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            reader.attach(here.fileno())
            reader.put(block(b"x" * MAX_BEHIND))
            now = asyncio.get_running_loop().time()
            reader.check(now)
            assert not reader.over.done()
            reader.check(now + 0.1)
            with pytest.raises(TimeoutError):
                await reader.over
            reader.close()

    run(story)


def test_a_peer_that_hangs_up_is_gone_at_once(run: Callable[[Story], None]) -> None:
    async def story(reader: FlvSubscriber) -> None:
        reader.hung_up()
        with pytest.raises(ConnectionError):
            await reader.over
        reader.put(block(b"for nobody"))
        reader.close()

    run(story)
