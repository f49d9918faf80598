"""Many sockets that can be read, as the event loop hears of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from madang.servers.http import poller as made_here
from madang.servers.http.poller import PAUSE, Poller
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
        self.poller = Poller()
        for number, ours in enumerate(self.ours):
            ours.setblocking(False)
            self.poller.watch(ours.fileno(), lambda number=number: self._read(number))
        hear = self.poller._hear

        def counted() -> int:
            self.looks += 1
            return hear()

        self.poller._hear = counted  # type: ignore[method-assign]

    def _read(self, number: int) -> None:
        self.heard += [number] * len(self.ours[number].recv(1))

    def close(self) -> None:
        for number, ours in enumerate(self.ours):
            self.poller.forget(ours.fileno())
            ours.close()
            self.theirs[number].close()
        self.poller.close()


async def heard(control: Ears, count: int) -> None:
    until = asyncio.get_running_loop().time() + 10
    while len(control.heard) < count:
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.001)


def test_what_comes_alone_is_heard_at_once_and_in_one_look(loop: Loop) -> None:
    async def act() -> None:
        control = Ears(3)
        for number in (0, 2, 1, 0):
            await asyncio.sleep(0.02)
            control.theirs[number].send(b"x")
            await asyncio.sleep(0.005)
            assert control.heard[-1] == number
        assert control.looks == len(control.heard) == 4
        control.close()

    loop.run(act())


def test_what_comes_closely_is_heard_in_few_looks_and_all_of_it(loop: Loop) -> None:
    async def act() -> None:
        control = Ears(20)
        began = asyncio.get_running_loop().time()
        for _ in range(50):
            for theirs in control.theirs:
                theirs.send(b"x")
                await asyncio.sleep(0)
        await heard(control, 1000)
        took = asyncio.get_running_loop().time() - began
        assert sorted(control.heard) == sorted(list(range(20)) * 50)
        assert control.looks < took / PAUSE + 100
        # and the next one that comes alone is heard
        await asyncio.sleep(0.05)
        control.theirs[7].send(b"x")
        await heard(control, 1001)
        control.close()

    loop.run(act())


def test_more_than_are_read_at_once_do_not_wait(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_here, "AT_ONCE", 4)
    monkeypatch.setattr(made_here, "PAUSE", 60.0)  # every wake is a close one, and none comes back

    async def act() -> None:
        control = Ears(203)
        for theirs in control.theirs:
            theirs.send(b"x")
        await heard(control, 203)
        assert sorted(control.heard) == list(range(203))
        control.close()

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
        control = Ears(1)
        poller, descriptor = control.poller, control.ours[0].fileno()
        reads = 0

        def read() -> None:
            nonlocal reads
            reads += 1
            control.ours[0].recv(1)
            if reads == {"in a wake": 2, "in a look": 3}.get(when):
                poller.close()
            elif reads < 3:
                control.theirs[0].send(b"x")  # the second wake follows closely, then come looks

        poller.forget(descriptor)
        poller.watch(descriptor, read)
        control.theirs[0].send(b"x")
        await asyncio.sleep(0.01)
        assert reads == 2
        if when == "between two looks":
            poller.close()
        await asyncio.sleep(0.1)
        assert reads == (3 if when == "in a look" else 2)

    loop.run(act())
    assert not faults


def test_a_fault_at_one_socket_keeps_no_other_from_being_heard(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    async def act() -> None:
        control = Ears(3)
        control.poller.forget(control.ours[1].fileno())

        def fail() -> None:
            control.ours[1].recv(1)
            raise ValueError("on purpose")

        control.poller.watch(control.ours[1].fileno(), fail)
        for _ in range(200):
            for theirs in control.theirs:
                theirs.send(b"x")
            await asyncio.sleep(0)
        await heard(control, 400)
        control.close()

    loop.run(act())
    assert "on purpose" in caplog.text
