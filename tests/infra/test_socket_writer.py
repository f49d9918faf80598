"""Blocks reach their descriptor whole and in order, however little it takes at a time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.infra.socket_writer import Framing, SocketWriter, framed


class Pair:
    """A writer and the other end of its connection, which takes little at a time."""

    def __init__(self) -> None:
        self.here, self.there = socket.socketpair()
        self.here.setblocking(False)
        self.there.setblocking(False)
        self.here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.sent = 0
        self.failures: list[OSError] = []
        self.writer = SocketWriter(self._count, self.failures.append)

    def _count(self, size: int) -> None:
        self.sent += size

    async def read(self, size: int) -> bytes:
        """What comes, `size` bytes of it."""
        got = b""
        async with asyncio.timeout(10):
            while len(got) < size:
                got += await asyncio.get_running_loop().sock_recv(self.there, 65_536)
        return got

    def close(self) -> None:
        self.writer.detach()
        self.here.close()
        self.there.close()


@pytest.fixture
def in_a_loop() -> Iterator[Callable[[], Pair]]:
    pairs: list[Pair] = []

    def make() -> Pair:
        pairs.append(Pair())
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.here.close()
        pair.there.close()


Make = Callable[[], Pair]


def test_what_was_written_before_there_was_a_connection_is_sent_first(in_a_loop: Make) -> None:
    async def story() -> None:
        pair = in_a_loop()
        pair.writer.write(b"one ")
        pair.writer.write(b"two ")
        assert pair.writer.waiting == 8
        pair.writer.attach(pair.here.fileno())
        pair.writer.write(b"three")
        assert await pair.read(13) == b"one two three"
        assert (pair.writer.waiting, pair.sent) == (0, 13)
        pair.close()

    asyncio.run(story())


def test_a_slow_peer_gets_everything_in_order(in_a_loop: Make) -> None:
    async def story() -> None:
        pair = in_a_loop()
        pair.writer.attach(pair.here.fileno())
        blocks = [bytes([number]) * 30_000 for number in range(20)]
        for block in blocks:
            pair.writer.write(block)
        assert pair.writer.waiting > 0
        assert await pair.read(600_000) == b"".join(blocks)
        assert (pair.writer.waiting, pair.sent) == (0, 600_000)
        pair.close()

    asyncio.run(story())


def test_what_is_thrown_away_never_cuts_a_block_that_was_begun(in_a_loop: Make) -> None:
    async def story() -> None:
        pair = in_a_loop()
        pair.writer.attach(pair.here.fileno())
        begun = b"a" * 100_000
        pair.writer.write(begun)
        pair.writer.write(b"b" * 1000)
        pair.writer.write(b"c" * 1000)
        assert pair.writer.clear() == 2000
        assert pair.writer.clear() == 0
        pair.writer.write(b"d" * 1000)
        assert await pair.read(101_000) == begun + b"d" * 1000
        pair.close()

    asyncio.run(story())


def test_a_peer_that_left_is_told_once_and_nothing_is_kept_for_it(in_a_loop: Make) -> None:
    async def story() -> None:
        pair = in_a_loop()
        pair.writer.attach(pair.here.fileno())
        pair.there.close()
        pair.writer.write(b"hello")
        assert len(pair.failures) == 1
        assert isinstance(pair.failures[0], BrokenPipeError)
        assert pair.writer.waiting == 0

    asyncio.run(story())


@given(st.binary(min_size=1, max_size=70_000))
def test_a_chunk_says_its_size(data: bytes) -> None:
    size, _, rest = framed(Framing.CHUNKED, data).partition(b"\r\n")
    assert int(size, 16) == len(data)
    assert rest == data + b"\r\n"


@pytest.mark.parametrize("size", [1, 125, 126, 65_535, 65_536, 200_000])
def test_a_websocket_library_reads_the_message(size: int) -> None:
    from websockets.frames import Opcode
    from websockets.protocol import CLIENT, Protocol
    from websockets.protocol import OPEN as OPEN_STATE

    data = bytes(size % 251 for _ in range(1)) * size
    client = Protocol(CLIENT, state=OPEN_STATE, max_size=None)
    client.receive_data(framed(Framing.WEBSOCKET, data))
    (frame,) = client.events_received()
    assert frame.opcode is Opcode.BINARY  # type: ignore[union-attr]
    assert frame.fin  # type: ignore[union-attr]
    assert frame.data == data  # type: ignore[union-attr]
