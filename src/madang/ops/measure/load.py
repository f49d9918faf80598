"""One load in a process of its own: `python -m madang.ops.measure.load`, a Load as JSON on
standard input, a Seen as JSON on standard output; exit 1 with a reason where something is wrong."""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final, Literal

import uvloop

from madang.base.errors import MadangError
from madang.ops.measure.clients import Chatter, LowLatencyClient, PollingClient, Tally
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cpu_seconds
from madang.wire.hls import MediaPlaylist

Kind = Literal["live", "api", "chat"]

SETTLE: Final = 1.5
"""Seconds between the last arrival and the first that counts."""

JOINING: Final = 30.0
"""Seconds that all guests of a chat may take to come in."""


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` of `kind` at `port` of loopback for `seconds`; `target` is a path, or the slug of
    a chat. `rate` is what all together ask or say a second; API clients without one never rest.
    `pid` is the station's process."""

    kind: Kind
    port: int
    target: str
    clients: int
    seconds: float
    pid: int
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What happened in the `seconds` that counted: `count` parts, answers or messages received,
    `received` bytes, `cpu` seconds of the station's processes."""

    seconds: float
    count: int
    received: int
    cpu: float


Client = LowLatencyClient | PollingClient | Chatter


async def run(load: Load) -> LoadResult:
    """Do it. Raises MeasureFailed."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    parsed: dict[bytes, MediaPlaylist] = {}
    clients: list[Client] = []
    try:
        for number in range(load.clients):
            client = _client(load, tally, number, parsed)
            await loop.create_connection(partial(_given, client), "127.0.0.1", load.port)
            clients.append(client)
            if number % 10 == 9:
                await _rest(tally, 0.01)
        guests = [client for client in clients if isinstance(client, Chatter)]
        if guests:
            await _joined(guests, tally)
        talking = asyncio.create_task(_talk(guests, load.rate)) if guests and load.rate else None
        await _rest(tally, SETTLE)
        seen = await _count(load, tally)
        if talking is not None:
            talking.cancel()
        return seen
    finally:
        for client in clients:
            client.close()


async def _joined(guests: Sequence[Chatter], tally: Tally) -> None:
    deadline = asyncio.get_running_loop().time() + JOINING
    for guest in guests:
        left = deadline - asyncio.get_running_loop().time()
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait([guest.joined, tally.failed], timeout=max(0.0, left), return_when=first)
        _check(tally)
        if not guest.joined.done():
            raise MeasureFailed("Not all guests came into the chat.")


def _given(client: Client) -> Client:
    return client


def _client(load: Load, tally: Tally, number: int, parsed: dict[bytes, MediaPlaylist]) -> Client:
    match load.kind:
        case "live":
            return LowLatencyClient(tally, number, load.target, parsed)
        case "api":
            phase = number / load.rate if load.rate else 0.0
            return PollingClient(tally, number, load.target, load.rate / load.clients, phase)
        case "chat":
            return Chatter(tally, number, load.target)


async def _talk(guests: Sequence[Chatter], rate: float) -> None:
    """Everybody says something in turn, evenly."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    number = 0
    while True:
        guests[number % len(guests)].say(number)
        number += 1
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))


async def _count(load: Load, tally: Tally) -> LoadResult:
    loop = asyncio.get_running_loop()
    cpu, began = cpu_seconds(load.pid), loop.time()
    tally.counting = True
    await _rest(tally, load.seconds)
    tally.counting = False
    spent, took = cpu_seconds(load.pid) - cpu, loop.time() - began
    if load.clients and not tally.count:
        raise MeasureFailed("Nobody received anything.")
    return LoadResult(took, tally.count, tally.received, spent)


async def _rest(tally: Tally, seconds: float) -> None:
    await asyncio.wait([tally.failed], timeout=seconds)
    _check(tally)


def _check(tally: Tally) -> None:
    if tally.failed.done():
        tally.failed.result()


def main() -> int:
    """Exit code of the process."""
    load = Load(**json.load(sys.stdin))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()
    try:
        print(json.dumps(asdict(uvloop.run(run(load)))))
    except (MadangError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
