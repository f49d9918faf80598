"""One load in a process of its own: `python -m madang.ops.measure.load`.

Reads a Load as JSON from standard input and writes a LoadResult as JSON to standard output; exits
with 1 and a message on standard error if the load fails.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Literal

import uvloop

from madang.base.errors import MadangError
from madang.ops.measure.clients import ChatClient, LoadCounters, LowLatencyClient, PollingClient
from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.processes import cpu_seconds
from madang.wire.hls import MediaPlaylist

Kind = Literal["live", "api", "chat"]

SETTLE_SECONDS: Final = 1.5
"""Pause between the last connection and the measured seconds."""

JOIN_SECONDS: Final = 30.0
"""Limit for all guests of a chat to join."""


@dataclass(frozen=True, slots=True)
class Load:
    """`clients` of `kind` at a loopback port for `seconds`.

    `target` is a path, or the slug of a chat. `rate` is the number of requests or messages a second
    of all clients together; API clients without one do not pause. `pid` is the station's process.
    """

    kind: Kind
    port: int
    target: str
    clients: int
    seconds: float
    pid: int
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Counts of the measured `seconds`: `count` parts, answers or messages, `received` bytes, and
    `cpu` seconds of the station's processes."""

    seconds: float
    count: int
    received: int
    cpu: float


Client = LowLatencyClient | PollingClient | ChatClient


async def run(load: Load) -> LoadResult:
    """Run the load. Raises MeasureFailed."""
    counters = LoadCounters()
    parsed: dict[bytes, MediaPlaylist] = {}
    clients: list[Client] = []
    try:
        for number in range(load.clients):
            client = _client(load, counters, number, parsed)
            await _connect(client, load.port)
            clients.append(client)
            if number % 10 == 9:
                await _sleep(counters, 0.01)
        guests = [client for client in clients if isinstance(client, ChatClient)]
        if guests:
            await _wait_until_joined(guests, counters)
        talking = (
            asyncio.create_task(_send_messages(guests, load.rate)) if guests and load.rate else None
        )
        await _sleep(counters, SETTLE_SECONDS)
        result = await _count(load, counters)
        if talking is not None:
            talking.cancel()
        return result
    finally:
        for client in clients:
            client.close()


async def _wait_until_joined(guests: Sequence[ChatClient], counters: LoadCounters) -> None:
    deadline = asyncio.get_running_loop().time() + JOIN_SECONDS
    for guest in guests:
        left = deadline - asyncio.get_running_loop().time()
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(
            [guest.joined, counters.failed], timeout=max(0.0, left), return_when=first
        )
        _raise_failure(counters)
        if not guest.joined.done():
            raise MeasureFailed("Not all guests came into the chat.")


async def _connect(client: Client, port: int) -> None:
    await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", port)


def _client(
    load: Load, counters: LoadCounters, number: int, parsed: dict[bytes, MediaPlaylist]
) -> Client:
    match load.kind:
        case "live":
            return LowLatencyClient(counters, number, load.target, parsed)
        case "api":
            phase = number / load.rate if load.rate else 0.0
            return PollingClient(counters, number, load.target, load.rate / load.clients, phase)
        case "chat":
            return ChatClient(counters, number, load.target)


async def _send_messages(guests: Sequence[ChatClient], rate: float) -> None:
    """Send messages from each guest in turn, evenly spaced."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    number = 0
    while True:
        guests[number % len(guests)].send_message(number)
        number += 1
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))


async def _count(load: Load, counters: LoadCounters) -> LoadResult:
    loop = asyncio.get_running_loop()
    cpu, began = cpu_seconds(load.pid), loop.time()
    counters.counting = True
    await _sleep(counters, load.seconds)
    counters.counting = False
    spent, took = cpu_seconds(load.pid) - cpu, loop.time() - began
    if load.clients and not counters.count:
        raise MeasureFailed("Nobody received anything.")
    return LoadResult(took, counters.count, counters.received, spent)


async def _sleep(counters: LoadCounters, seconds: float) -> None:
    await asyncio.wait([counters.failed], timeout=seconds)
    _raise_failure(counters)


def _raise_failure(counters: LoadCounters) -> None:
    if counters.failed.done():
        counters.failed.result()


def main() -> int:
    """Run the load on standard input and return the exit code."""
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
