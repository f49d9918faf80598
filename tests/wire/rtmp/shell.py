"""Minimal asyncio shell around a server session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from madang.wire.rtmp import HANDSHAKE_RANDOM, Event, PublishRequested, ServerSession


class Shell(asyncio.Protocol):
    """One connection; `events` are all events of its session."""

    def __init__(self, refusal: str = "") -> None:
        self.refusal = refusal
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.session = ServerSession(handshake_random=os.urandom(HANDSHAKE_RANDOM), now=0.0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the session, answer publish requests, flush."""
        now = asyncio.get_running_loop().time()
        events = self.session.receive(data, now)
        if any(isinstance(event, PublishRequested) for event in events):
            if self.refusal:
                self.session.refuse_publish(self.refusal)
            else:
                self.session.accept_publish()
                events += self.session.tick(now)
        self.events += events
        self._changed.set()
        self.flush()

    async def until(self, last: type[Event]) -> list[Event]:
        """Return all events once the last is of this type; wait at most five seconds."""
        async with asyncio.timeout(5):
            while not isinstance(self.events[-1], last):
                self._changed.clear()
                await self._changed.wait()
        return self.events

    def flush(self) -> None:
        """Send pending output; close if the session is closing."""
        self.transport.write(self.session.take_output())
        if self.session.closing:
            self.transport.close()


class ListeningPort:
    """A listening port with its connections."""

    def __init__(self, port: int, shells: list[Shell]) -> None:
        self.port = port
        self.shells = shells


@asynccontextmanager
async def listening(refusal: str = "") -> AsyncIterator[ListeningPort]:
    """Listen on a free port of the loopback; every publisher gets `refusal` if it is not empty."""
    shells: list[Shell] = []

    def enter() -> Shell:
        shells.append(Shell(refusal))
        return shells[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(enter, "127.0.0.1", 0)
    try:
        yield ListeningPort(server.sockets[0].getsockname()[1], shells)
    finally:
        server.close()
        for shell in shells:
            shell.transport.abort()
