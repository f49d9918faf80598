"""Blocks and files reach their socket completely and in order, however little it takes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.infra.file_region import CHUNK, FileRegion
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
        """Receive `size` bytes."""
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


def region(folder: Path, data: bytes, offset: int, size: int) -> FileRegion:
    path = folder / "file"
    path.write_bytes(data)
    return FileRegion(os.open(path, os.O_RDONLY), offset, size)


def is_open(file: FileRegion) -> bool:
    try:
        os.fstat(file._descriptor)
    except OSError:
        return False
    return True


@pytest.mark.parametrize("cached", [True, False])
def test_a_file_is_sent_between_blocks_and_closed(
    in_a_loop: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    if not cached:
        at = FileRegion._next
        monkeypatch.setattr(
            FileRegion, "is_cached", lambda file: file._offset + at(file) <= file._prefetched
        )

    async def story() -> None:
        pair = in_a_loop()
        data = os.urandom(3 * CHUNK)
        file = region(tmp_path, data, 100, 2 * CHUNK)
        pair.writer.attach(pair.here.fileno())
        pair.writer.queue(b"head")
        pair.writer.queue(file)
        pair.writer.queue(b"tail")
        assert pair.writer.waiting == 2 * CHUNK + 8
        expected = b"head" + data[100 : 100 + 2 * CHUNK] + b"tail"
        assert await pair.read(len(expected)) == expected
        assert (pair.writer.waiting, pair.sent) == (0, len(expected))
        assert not is_open(file)
        pair.close()

    asyncio.run(story())


@pytest.mark.parametrize("ending", ["detach", "failure", "truncation"])
def test_a_file_that_is_not_sent_completely_is_closed(
    in_a_loop: Make, tmp_path: Path, ending: str
) -> None:
    async def story() -> None:
        pair = in_a_loop()
        file = region(tmp_path, bytes(3 * CHUNK), 0, 3 * CHUNK)
        pair.writer.attach(pair.here.fileno())
        pair.writer.queue(file)
        pair.writer.flush()
        assert is_open(file)
        if ending == "detach":
            pair.writer.detach()
        elif ending == "failure":
            pair.there.close()
        else:
            os.truncate(tmp_path / "file", 0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await pair.read(3 * CHUNK)
        async with asyncio.timeout(10):
            while is_open(file):  # noqa: ASYNC110  # nothing tells when
                await asyncio.sleep(0)
        assert pair.writer.waiting == 0
        assert len(pair.failures) == (ending != "detach")

    asyncio.run(story())


def test_what_a_callback_queues_is_sent_in_the_same_turn(in_a_loop: Make) -> None:
    async def story() -> None:
        pair = in_a_loop()
        rest = [b"two", b"three"]

        def sent(_: int) -> None:
            if rest and not writer.waiting:
                writer.queue(rest.pop(0))

        writer = SocketWriter(sent, pair.failures.append)
        writer.attach(pair.here.fileno())
        writer.queue(b"one")
        writer.flush()
        assert pair.there.recv(100) == b"onetwothree"
        assert writer.waiting == 0
        writer.detach()
        pair.close()

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
