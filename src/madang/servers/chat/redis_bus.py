"""The bus through Redis: one stream that every process appends to and reads.

Every process delivers in the order of the stream. While Redis is away a process delivers its own
events at once, keeps them, and appends them when Redis is back; an entry that was appended twice
in such a moment is recognised by its number and delivered once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import structs
from redis.exceptions import RedisError

from madang.chat.bus_events import FIELD, LONGEST, STREAM, BusEvent, decode, encode
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.tasks import TaskSupervisor
from madang.servers.chat.bus import Deliver
from madang.servers.chat.redis_clients import loop_clients

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RedisBusLimits:
    """Times in seconds.

    Redis may take `patience`; after that the process goes on alone, and tries again every `retry`.
    A read waits `block` for something new. A process begins with the events of the last
    `catch_up`, which may not be in the database yet. `batch` events are one entry. At most `unsent`
    events wait for Redis; the others never get the older ones.
    """

    patience: float = 1.0
    retry: float = 0.5
    block: float = 2.0
    catch_up: float = 10.0
    batch: int = 500
    unsent: int = 50_000
    origins: int = 1000


DEFAULT_LIMITS: Final = RedisBusLimits()


class RedisBus:
    """A process's connection to the stream."""

    def __init__(
        self,
        url: str,
        stream: str = STREAM,
        limits: RedisBusLimits = DEFAULT_LIMITS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._clock = clock
        self._writer, self._reader = loop_clients(url, patience=limits.patience, block=limits.block)
        self._deliver: Deliver
        self._unsent: deque[BusEvent] = deque()
        self._unreturned: deque[tuple[float, BusEvent]] = deque()
        self._seen: dict[str, int] = {}
        self._something = asyncio.Event()
        self._drained = asyncio.Event()
        self._position: str | bytes | None = None
        self._supervisor = TaskSupervisor(log, "the bus of the chat")
        self._tasks: set[asyncio.Task[None]] = set()
        self._alone = True
        self._reading = False
        self.unsent_lost = 0

    @property
    def connected(self) -> bool:
        """Return whether the other processes can be reached."""
        return not self._alone

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver. Does not wait for Redis."""
        self._deliver = deliver
        for work in (self._write(), self._read(), self._watch()):
            self._tasks.add(self._supervisor.spawn(work))

    def publish(self, event: BusEvent) -> None:
        """Append an event; it is delivered here when it returns, or at once without Redis."""
        if len(self._unsent) >= self._limits.unsent:
            self._unsent.popleft()
            self.unsent_lost += 1
        self._unsent.append(event)
        self._something.set()
        if self._alone:
            self._deliver_once(event)
        else:
            self._unreturned.append((self._clock.monotonic(), event))

    async def close(self) -> None:
        """Append the waiting events, within `patience`, and stop."""
        if self._unsent and not self._alone:
            self._drained.clear()
            with contextlib.suppress(TimeoutError):  # the others miss the last events
                async with asyncio.timeout(self._limits.patience):
                    await self._drained.wait()
        running = set(self._tasks)
        while running:
            # More than once: a cancellation that meets a time-out of the client's own is lost.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=self._limits.patience)
        for client in (self._writer, self._reader):
            await client.aclose()

    def _deliver_once(self, event: BusEvent) -> None:
        if event.number <= self._seen.get(event.origin, 0):
            return
        if len(self._seen) >= self._limits.origins:
            del self._seen[next(iter(self._seen))]
        self._seen[event.origin] = event.number
        self._deliver(event)

    def _disconnected(self, reason: object) -> None:
        if not self._alone:
            log.warning("chat goes on without Redis: %s", reason)
        self._alone = True
        unreturned, self._unreturned = self._unreturned, deque()
        for _, event in unreturned:
            self._deliver_once(event)

    def _reconnected(self) -> None:
        """Follow the order of the stream again, once all own events have been appended."""
        if self._alone and self._reading and not self._unsent:
            self._alone = False
            log.info("chat is connected through Redis")

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            size = min(self._limits.batch, len(self._unsent))
            batch = [self._marked(self._unsent[index]) for index in range(size)]
            if not batch:
                self._something.clear()
                self._drained.set()
                continue
            try:
                async with asyncio.timeout(self._limits.patience):
                    await self._writer.xadd(
                        self._stream, {FIELD: encode(batch)}, maxlen=LONGEST, approximate=True
                    )
            except (RedisError, OSError, TimeoutError) as error:
                self._disconnected(error or "no answer")
                await self._writer.connection_pool.disconnect()
                await asyncio.sleep(self._limits.retry)
                continue
            last = batch[-1].number
            while self._unsent and self._unsent[0].number <= last:
                self._unsent.popleft()
            self._reconnected()

    def _marked(self, event: BusEvent) -> BusEvent:
        """Mark an event that was delivered here before it could be appended."""
        delivered = event.number <= self._seen.get(event.origin, 0)
        return structs.replace(event, partitioned=True) if delivered else event

    async def _read(self) -> None:
        block = round(self._limits.block * 1000)
        while True:
            try:
                if self._position is None:
                    seconds, micros = await self._reader.time()
                    since = seconds * 1000 + micros // 1000 - round(self._limits.catch_up * 1000)
                    self._position = f"{max(0, since)}-0"
                answer = await self._reader.xread(
                    {self._stream: self._position}, count=100, block=block
                )
            except (RedisError, OSError, TimeoutError) as error:
                self._reading = False
                self._disconnected(error)
                await self._reader.connection_pool.disconnect()
                await asyncio.sleep(self._limits.retry)
                continue
            for _, entries in answer or ():
                for position, fields in entries:
                    self._position = position
                    self._receive(fields.get(FIELD, b""))
            self._reading = True
            self._reconnected()

    def _receive(self, data: bytes) -> None:
        try:
            events = decode(data)
        except msgspec.DecodeError as error:  # another version of the station wrote it
            log.warning("an entry of the chat's stream cannot be read: %s", error)
            return
        for event in events:
            while self._unreturned and self._unreturned[0][1].origin == event.origin:
                if self._unreturned[0][1].number > event.number:
                    break
                self._unreturned.popleft()
            self._deliver_once(event)

    async def _watch(self) -> None:
        """Go on alone when own events do not return, whatever the reason."""
        patience = self._limits.patience
        while True:
            await asyncio.sleep(patience / 4)
            if self._unreturned and self._clock.monotonic() - self._unreturned[0][0] > patience:
                self._disconnected("what was said does not come back")
