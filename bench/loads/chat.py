"""A chat's crowd: many Socket.IO clients on one core, cheap enough to outrun any server.

Every client counts the messages that it is sent; a few read them, for the time they took. Messages
carry the time at which they were sent, in their text.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import time
from collections.abc import Callable
from typing import Final, cast

from bench.figures import percentile
from bench.loads.plan import Chatted, Crowd
from bench.processes import SERVER_CORE, BenchFailed, busy_seconds
from madang.ops.measure.processes import cpu_seconds, resident_bytes
from madang.wire.websocket import Opcode, encode_masked

MARK: Final = b'"at":"'
"""Stands once in every message of every server, and nowhere in what people say."""

SENT: Final = re.compile(rb"sent (\d+) from (\d+) ")

EARS: Final = 20
"""Clients that read what they get."""

URGENT: Final = -15

AT_ONCE: Final = 200
"""Connections that are opened together: less than any backlog."""

_PATIENCE: Final = 30.0
_KEY: Final = b"\x12\x34\x56\x78"
_PADDING: Final = "the evening drums are loud today"
"""A message of the length that people write."""


class Client(asyncio.Protocol):
    """One member of the crowd. `heard` gets sender and time sent, from clients that read."""

    def __init__(self, crowd: Crowd, number: int, heard: Callable[[int, int], None] | None) -> None:
        self.count = 0
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crowd = crowd
        self._number = number
        self._heard = heard
        self._tail = b""
        self._transport: asyncio.Transport
        self._opened = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the WebSocket."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        """Count, and answer pings."""
        if not self._opened:
            self._greeted(self._tail + data)
            return
        if len(data) < 64 and b"\x81\x012" in data:
            self._say(b"3")
        data = self._tail + data if self._tail else data
        if self._heard is None:
            self.count += data.count(MARK)
            # A mark that is cut in two is counted when its end has come.
            self._tail = data[1 - len(MARK) :]
            return
        whole = data.rfind(b"}") + 1
        self._tail = data[whole:]
        self.count += data.count(MARK, 0, whole)
        for found in SENT.finditer(data, 0, whole):
            self._heard(int(found[2]), int(found[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Servers do not hang up."""
        if not self.joined.done():
            self.joined.set_exception(BenchFailed("The server hung up in the handshake."))

    def send(self, now: int) -> None:
        """Send a message; `now` in nanoseconds."""
        text = f"sent {now} from {self._number} {_PADDING}"
        self._say(b'42["message",' + json.dumps({"text": text}).encode() + b"]")

    def close(self) -> None:
        """Leave."""
        self._transport.abort()

    def _say(self, packet: bytes) -> None:
        self._transport.write(encode_masked(Opcode.TEXT, packet, _KEY))

    def _greeted(self, data: bytes) -> None:
        if b"\x81" in data and b'0{"' in data and not self._tail.startswith(b"asked"):
            auth = {"channel": self._crowd.channel, "name": f"{self._crowd.name} {self._number}"}
            self._say(b"40" + json.dumps(auth).encode())
            self._tail = b"asked"
            data = b""
        if b'40{"sid"' in data:
            self._opened = True
            self._tail = b""
            self.joined.set_result(None)
        elif b"44{" in data:
            self.joined.set_exception(BenchFailed(f"The server refused: {data[-200:]!r}."))
        elif self._tail != b"asked":
            self._tail = data


class Meeting:
    """The crowd, and what it measures while `measuring`."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._clients: list[Client] = []
        self._delays: list[float] = []
        self._measuring = False
        self._sent = 0
        self._last = [0] * crowd.clients

    async def gather(self) -> None:
        """Open all connections. Raises BenchFailed."""
        loop = asyncio.get_running_loop()
        ears = {round(i * self._crowd.clients / EARS) for i in range(EARS)}
        for first in range(0, self._crowd.clients, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, self._crowd.clients))
            made = [
                Client(self._crowd, n, self._heard if n in ears or n < self._crowd.window else None)
                for n in numbers
            ]
            for client in made:
                await loop.create_connection(lambda c=client: c, "127.0.0.1", self._crowd.port)  # type: ignore[misc]
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(client.joined for client in made))
            self._clients += made

    async def run(self) -> Chatted:
        """Talk and measure. Raises BenchFailed."""
        crowd = self._crowd
        talking = asyncio.ensure_future(self._paced() if crowd.rate else self._flat_out())
        await asyncio.sleep(crowd.settle)
        cpu, busy = cpu_seconds(crowd.pid), busy_seconds(SERVER_CORE)
        before, began, own = self._total(), time.monotonic(), time.process_time()
        sent = self._sent
        self._measuring = True
        await asyncio.sleep(crowd.seconds)
        self._measuring = False
        seconds = time.monotonic() - began
        used = cpu_seconds(crowd.pid) - cpu
        result = Chatted(
            seconds=seconds,
            sent=self._sent - sent,
            delivered=self._total() - before,
            server_cpu=used,
            load_cpu=time.process_time() - own,
            other_cpu=max(0.0, busy_seconds(SERVER_CORE) - busy - used),
            resident=resident_bytes(crowd.pid),
            delay=(percentile(self._delays, 0.5), percentile(self._delays, 0.99))
            if self._delays
            else (0.0, 0.0),
        )
        talking.cancel()
        for client in self._clients:
            client.close()
        return result

    def _total(self) -> int:
        return sum(client.count for client in self._clients)

    def _heard(self, sender: int, sent: int) -> None:
        now = time.monotonic_ns()
        if self._measuring:
            self._delays.append((now - sent) / 1e9)
        if self._crowd.window and not self._crowd.rate and self._last[sender] == sent:
            # Somebody heard it: the sender says the next thing.
            self._say(sender, now)

    def _say(self, number: int, now: int) -> None:
        self._last[number] = now
        self._sent += 1
        self._clients[number].send(now)

    async def _flat_out(self) -> None:
        for number in range(self._crowd.window):
            self._say(number, time.monotonic_ns())
        while True:
            # What a server dropped, it dropped for good: go on.
            await asyncio.sleep(2.0)
            late = time.monotonic_ns() - 2_000_000_000
            for number in range(self._crowd.window):
                if self._last[number] < late:
                    self._say(number, time.monotonic_ns())

    async def _paced(self) -> None:
        began, count = time.monotonic(), 0
        while True:
            count += 1
            await asyncio.sleep(max(0.0, began + count / self._crowd.rate - time.monotonic()))
            self._say(count % self._crowd.clients, time.monotonic_ns())


async def run(crowd: Crowd) -> Chatted:
    """Return the observations of a crowd. Raises BenchFailed."""
    if crowd.urgent:
        with contextlib.suppress(PermissionError):  # its own queue is then part of the delay
            os.nice(URGENT)
    meeting = Meeting(crowd)
    try:
        await meeting.gather()
    except (OSError, TimeoutError) as error:
        raise BenchFailed(f"The crowd did not get in: {error or 'it took too long'}.") from error
    return await meeting.run()
