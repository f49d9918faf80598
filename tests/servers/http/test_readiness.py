"""Many sockets that can be read, as the event loop hears of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from madang.servers.http import readiness as made_here
from madang.servers.http.readiness import PAUSE, Readiness
from tests.support.air import Loop


@pytest.fixture
def loop() -> Iterator[Loop]:
    """An event loop in a thread."""
    made = Loop()
    yield made
    made.close()


class Ears:
    """Reads sockets, and notes how often the loop was woken for it."""

    def __init__(self, count: int) -> None:
        pairs = [socket.socketpair() for _ in range(count)]
        self.ours = [pair[0] for pair in pairs]
        self.theirs = [pair[1] for pair in pairs]
        self.looks = 0
        self.heard: list[int] = []
        self.readiness = Readiness()
        for number, ours in enumerate(self.ours):
            ours.setblocking(False)
            self.readiness.watch(ours.fileno(), lambda number=number: self._read(number))
        hear = self.readiness._hear

        def counted() -> int:
            self.looks += 1
            return hear()

        self.readiness._hear = counted  # type: ignore[method-assign]

    def _read(self, number: int) -> None:
        self.heard += [number] * len(self.ours[number].recv(1))

    def close(self) -> None:
        for number, ours in enumerate(self.ours):
            self.readiness.forget(ours.fileno())
            ours.close()
            self.theirs[number].close()
        self.readiness.close()


async def heard(ears: Ears, count: int) -> None:
    until = asyncio.get_running_loop().time() + 10
    while len(ears.heard) < count:
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.001)


def test_what_comes_alone_is_heard_at_once_and_in_one_look(loop: Loop) -> None:
    async def act() -> None:
        ears = Ears(3)
        for number in (0, 2, 1, 0):
            await asyncio.sleep(0.02)
            ears.theirs[number].send(b"x")
            await asyncio.sleep(0.005)
            assert ears.heard[-1] == number
        assert ears.looks == len(ears.heard) == 4
        ears.close()

    loop.run(act())


def test_what_comes_closely_is_heard_in_few_looks_and_all_of_it(loop: Loop) -> None:
    async def act() -> None:
        ears = Ears(20)
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            for theirs in ears.theirs:
                theirs.send(b"x")
                await asyncio.sleep(0)
        await heard(ears, 1000)
        took = asyncio.get_running_loop().time() - began
        assert sorted(ears.heard) == sorted(list(range(20)) * 50)
        assert ears.looks < took / PAUSE + 100
        # and the next one that comes alone is heard
        await asyncio.sleep(0.05)
        ears.theirs[7].send(b"x")
        await heard(ears, 1001)
        ears.close()

    loop.run(act())


def test_more_than_are_read_at_once_do_not_wait(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_here, "AT_ONCE", 4)
    monkeypatch.setattr(made_here, "PAUSE", 60.0)  # every wake is a close one, and none comes back

    async def act() -> None:
        ears = Ears(203)
        for theirs in ears.theirs:
            theirs.send(b"x")
        await heard(ears, 203)
        assert sorted(ears.heard) == list(range(203))
        ears.close()

    loop.run(act())


@pytest.mark.parametrize("when", ["between two looks", "in a wake", "in a look"])
def test_it_can_be_closed_at_any_moment(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(made_here, "PAUSE", 0.02)
    faults: list[object] = []

    async def act() -> None:
        running = asyncio.get_running_loop()
        running.set_exception_handler(lambda _, context: faults.append(context))
        ears = Ears(1)
        readiness, descriptor = ears.readiness, ears.ours[0].fileno()
        reads = 0

        def read() -> None:
            nonlocal reads
            reads += 1
            ears.ours[0].recv(1)
            if reads == {"in a wake": 2, "in a look": 3}.get(when):
                readiness.close()
            elif reads < 3:
                ears.theirs[0].send(b"x")  # the second wake follows closely, then come looks

        readiness.forget(descriptor)
        readiness.watch(descriptor, read)
        ears.theirs[0].send(b"x")
        await asyncio.sleep(0.01)
        assert reads == 2
        if when == "between two looks":
            readiness.close()
        await asyncio.sleep(0.1)
        assert reads == (3 if when == "in a look" else 2)

    loop.run(act())
    assert not faults


def test_a_fault_at_one_socket_keeps_no_other_from_being_heard(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> None:
        ears = Ears(3)
        ears.readiness.forget(ears.ours[1].fileno())

        def fail() -> None:
            ears.ours[1].recv(1)
            raise ValueError("on purpose")

        ears.readiness.watch(ears.ours[1].fileno(), fail)
        for _ in range(200):
            for theirs in ears.theirs:
                theirs.send(b"x")
            await asyncio.sleep(0)
        await heard(ears, 400)
        ears.close()

    loop.run(act())
    assert "on purpose" in caplog.text
