"""Read readiness of many sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from madang.servers.http.poller import BATCH, INTERVAL, Poller
from tests.support.data_plane import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """An event loop in a thread."""
    made = Loop()
    yield made
    made.close()


class Sockets:
    """Socket pairs behind a poller that counts how often it polls."""

    def __init__(self, count: int, *, batch: int = BATCH, interval: float = INTERVAL) -> None:
        pairs = [socket.socketpair() for _ in range(count)]
        self.ours = [pair[0] for pair in pairs]
        self.theirs = [pair[1] for pair in pairs]
        self.polls = 0
        self.received: list[int] = []
        self.poller = Poller(batch=batch, interval=interval)
        for number, ours in enumerate(self.ours):
            ours.setblocking(False)
            self.poller.watch(ours.fileno(), lambda number=number: self._read(number))
        poll = self.poller._poll

        def counted() -> int:
            self.polls += 1
            return poll()

        self.poller._poll = counted  # type: ignore[method-assign]

    def _read(self, number: int) -> None:
        self.received += [number] * len(self.ours[number].recv(1))

    def close(self) -> None:
        for number, ours in enumerate(self.ours):
            self.poller.forget(ours.fileno())
            ours.close()
            self.theirs[number].close()
        self.poller.close()


async def received(sockets: Sockets, count: int) -> None:
    until = asyncio.get_running_loop().time() + 10
    while len(sockets.received) < count:
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.001)


def test_a_single_event_is_handled_in_one_poll(loop: Loop) -> None:
    async def act() -> None:
        sockets = Sockets(3)
        for count, number in enumerate((0, 2, 1, 0), 1):
            await asyncio.sleep(10 * INTERVAL)
            sockets.theirs[number].send(b"x")
            await received(sockets, count)
            assert sockets.received[-1] == number
        assert sockets.polls == len(sockets.received) == 4
        sockets.close()

    loop.run(act())


def test_a_burst_is_handled_completely_in_few_polls(loop: Loop) -> None:
    async def act() -> None:
        sockets = Sockets(20)
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            for theirs in sockets.theirs:
                theirs.send(b"x")
                await asyncio.sleep(0)
        await received(sockets, 1000)
        took = asyncio.get_running_loop().time() - began
        assert sorted(sockets.received) == sorted(list(range(20)) * 50)
        assert sockets.polls < took / INTERVAL + 100
        # and the next one that comes alone is heard
        await asyncio.sleep(0.05)
        sockets.theirs[7].send(b"x")
        await received(sockets, 1001)
        sockets.close()

    loop.run(act())


def test_a_full_batch_is_followed_by_the_next_at_once(loop: Loop) -> None:
    async def act() -> None:
        sockets = Sockets(203, batch=4, interval=60.0)
        for theirs in sockets.theirs:
            theirs.send(b"x")
        await received(sockets, 203)
        assert sorted(sockets.received) == list(range(203))
        sockets.close()

    loop.run(act())


@pytest.mark.parametrize("when", ["between two polls", "in a wake", "in a poll"])
def test_it_can_be_closed_at_any_moment(loop: Loop, when: str) -> None:
    faults: list[object] = []

    async def act() -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: faults.append(context))
        sockets = Sockets(1, interval=0.02 if when == "in a poll" else 60.0)
        poller, descriptor = sockets.poller, sockets.ours[0].fileno()
        reads, expected = 0, 3 if when == "in a poll" else 2
        enough = asyncio.Event()

        def read() -> None:
            nonlocal reads
            reads += 1
            sockets.ours[0].recv(1)
            if reads == expected:
                enough.set()
            if reads == {"in a wake": 2, "in a poll": 3}.get(when):
                poller.close()
            elif reads < 3:
                sockets.theirs[0].send(b"x")  # the second wake follows closely, then come polls

        poller.forget(descriptor)
        poller.watch(descriptor, read)
        sockets.theirs[0].send(b"x")
        async with asyncio.timeout(5):
            await enough.wait()
        if when == "between two polls":
            poller.close()
        await asyncio.sleep(0.1)
        assert reads == expected

    loop.run(act())
    assert not faults


def test_a_fault_at_one_socket_does_not_affect_the_others(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> None:
        sockets = Sockets(3)
        sockets.poller.forget(sockets.ours[1].fileno())

        def fail() -> None:
            sockets.ours[1].recv(1)
            raise ValueError("on purpose")

        sockets.poller.watch(sockets.ours[1].fileno(), fail)
        for _ in range(200):
            for theirs in sockets.theirs:
                theirs.send(b"x")
            await asyncio.sleep(0)
        await received(sockets, 400)
        sockets.close()

    loop.run(act())
    assert "on purpose" in caplog.text
