"""Publishers: the tags of one FLV file, sent over RTMP in real time by many encoders at once.

Each publisher is a real session of the station's own RTMP client. All share the file's tags; as
they come one after another, their key frames do not coincide.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from bench.loads.audience import Audience
from bench.loads.plan import Publish, Taken
from bench.processes import (
    SERVER_CORE,
    BenchFailed,
    busy_seconds,
)
from madang.base.errors import ParseError
from madang.ops.measure.processes import cpu_seconds, resident_bytes
from madang.wire.flv import FlvReader, Tag, TagType
from madang.wire.rtmp import HANDSHAKE_RANDOM, ClientSession
from madang.wire.rtmp.client import PublishAccepted

_TICK: Final = 0.01
"""Seconds between two checks: less than a frame, so that frames are sent one by one."""

_BACKLOG: Final = 4 << 20
"""Bytes that a server may leave unread: eight seconds of the sample."""

_SETUP: Final = 20.0


@dataclass(frozen=True, slots=True)
class Film:
    """Tags to send: `heads` describe the stream, `tags` play once in `length` milliseconds."""

    heads: tuple[Tag, ...]
    tags: tuple[Tag, ...]
    length: int

    @classmethod
    def read(cls, path: Path, length: int) -> Film:
        """Read an FLV file of H.264 and AAC. Raises ParseError."""
        tags = FlvReader().receive(path.read_bytes())
        heads = [tag for tag in tags if tag.type is TagType.SCRIPT or tag.body[1] == 0]
        rest = [tag for tag in tags if tag.type is not TagType.SCRIPT and tag.body[1] == 1]
        rest.sort(key=lambda tag: tag.timestamp)
        return cls(tuple(heads), tuple(tag for tag in rest if tag.timestamp < length), length)


class Publisher(asyncio.Protocol):
    """One encoder. It starts when the server has accepted it."""

    def __init__(self, audience: Audience, film: Film, url: str, name: str) -> None:
        self._audience = audience
        self._film = film
        self._name = name
        self._session = ClientSession(
            handshake_random=os.urandom(HANDSHAKE_RANDOM),
            now=audience.now(),
            app="live",
            tc_url=url,
            name=name,
        )
        self._position = 0
        self._round = 0
        self._began = 0.0
        self._closing = False
        self.accepted = False
        self.sent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # The backlog is measured, not limited: a real encoder does not slow down either.
        self._transport.set_write_buffer_limits(high=_BACKLOG * 2)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._fail(f"the server closed the connection ({error or 'without an error'})")

    def data_received(self, data: bytes) -> None:
        try:
            events = self._session.receive(data, self._audience.now())
        except ParseError as error:
            self._fail(str(error))
            return
        for event in events:
            if isinstance(event, PublishAccepted):
                self.accepted = True
                self._began = self._audience.now()
                for tag in self._film.heads:
                    self._session.send(Tag(tag.type, 0, tag.body))
            else:
                self._fail(f"{event.code} {event.description}")
        self._flush()

    def send_due(self, now: float) -> None:
        """Send the frames that are due."""
        if not self.accepted or self._closing:
            return
        due = (now - self._began) * 1000
        film = self._film
        while True:
            tag = film.tags[self._position]
            timestamp = tag.timestamp + self._round * film.length
            if timestamp > due:
                break
            self._session.send(Tag(tag.type, timestamp, tag.body))
            self._position += 1
            if self._position == len(film.tags):
                self._position = 0
                self._round += 1
        self._flush()
        if self._transport.get_write_buffer_size() > _BACKLOG:
            self._fail("the server does not read what is sent")

    def close(self) -> None:
        """End the stream."""
        if not self._transport.is_closing():
            self._session.finish()
            self._flush()
        self._closing = True
        self._transport.close()

    def _flush(self) -> None:
        output = self._session.take_output()
        if output:
            self.sent += len(output)
            self._transport.write(output)

    def _fail(self, reason: str) -> None:
        self._audience.fail(f"The publisher of {self._name[:8]}…: {reason}")
        self._closing = True
        self._transport.close()


async def run(load: Publish) -> Taken:
    """Publish and measure as `load` describes. Raises BenchFailed if a server refuses or lags."""
    audience = Audience()
    film = Film.read(Path(load.path), load.length)
    url = f"rtmp://127.0.0.1:{load.port}/live"
    publishers: list[Publisher] = []
    sending = asyncio.create_task(_send(audience, publishers))
    try:
        for name in load.names:
            publisher = Publisher(audience, film, url, name)
            await audience.loop.create_connection(
                lambda made=publisher: made,  # type: ignore[misc]
                "127.0.0.1",
                load.port,
            )
            publishers.append(publisher)
            await audience.run_for(load.ramp / len(load.names))
        await _all_accepted(audience, publishers)
        await audience.run_for(load.settle)
        return await _measure(load, audience, publishers)
    finally:
        sending.cancel()
        for publisher in publishers:
            publisher.close()


async def _all_accepted(audience: Audience, publishers: Sequence[Publisher]) -> None:
    deadline = audience.now() + _SETUP
    while not all(publisher.accepted for publisher in publishers):
        if audience.now() > deadline:
            raise BenchFailed("The server did not accept all publishers.")
        await audience.run_for(_TICK)


async def _send(audience: Audience, publishers: Sequence[Publisher]) -> None:
    while True:
        now = audience.now()
        for publisher in publishers:
            publisher.send_due(now)
        await asyncio.sleep(_TICK)


async def _measure(load: Publish, audience: Audience, publishers: Sequence[Publisher]) -> Taken:
    cpu, busy, own = cpu_seconds(load.pid), busy_seconds(SERVER_CORE), time.process_time()
    sent, began = sum(publisher.sent for publisher in publishers), audience.now()
    await audience.run_for(load.seconds)
    cpu = cpu_seconds(load.pid) - cpu
    return Taken(
        seconds=audience.now() - began,
        sent=sum(publisher.sent for publisher in publishers) - sent,
        server_cpu=cpu,
        load_cpu=time.process_time() - own,
        other_cpu=max(0.0, busy_seconds(SERVER_CORE) - busy - cpu),
        resident=resident_bytes(load.pid),
    )
