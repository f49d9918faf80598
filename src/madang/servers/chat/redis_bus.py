"""The bus through Redis: one stream that every process appends to and follows.

Everybody delivers in the order of the stream. While Redis is away a process delivers what it says
itself at once, keeps it, and appends it when Redis is back; what was appended twice in such a
moment is known by its number and delivered once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Any, Final

import msgspec
from msgspec import structs
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from madang.chat.bus_events import FIELD, LONGEST, STREAM, BusEvent, decode, encode
from madang.servers.chat.bus import Deliver

log = logging.getLogger(__name__)

BATCH: Final = 500
"""Notes in one entry."""

PATIENCE: Final = 1.0
"""Seconds that Redis may take: more, and this process goes on alone."""

BLOCK: Final = 2000
"""Milliseconds that a read waits for something new."""

AGAIN: Final = 0.5
"""Seconds between two tries to reach Redis."""

CATCH_UP: Final = 10_000
"""Milliseconds of the past that a process begins with: what is not in the database yet."""

MAX_UNSENT: Final = 50_000
"""Notes that wait for Redis; beyond it the others never hear of the oldest."""

MAX_ORIGINS: Final = 1000


class RedisBus:
    """A process's place at the stream."""

    def __init__(self, url: str, stream: str = STREAM) -> None:
        never = Retry(NoBackoff(), 0)
        self._stream = stream
        self._writer: Any = Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=never
        )
        self._reader: Any = Redis.from_url(
            url,
            socket_timeout=PATIENCE + BLOCK / 1000,
            socket_connect_timeout=PATIENCE,
            retry=never,
        )
        self._deliver: Deliver
        self._loop: asyncio.AbstractEventLoop
        self._unsent: deque[BusEvent] = deque()
        self._awaiting: deque[tuple[float, BusEvent]] = deque()
        self._seen: dict[str, int] = {}
        self._something = asyncio.Event()
        self._drained = asyncio.Event()
        self._at: str | bytes | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._alone = True
        self._follows = False
        self.unsent_lost = 0

    @property
    def connected(self) -> bool:
        """Whether the other processes can be reached."""
        return not self._alone

    async def start(self, deliver: Deliver) -> None:
        """Begin to deliver. Does not wait for Redis."""
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._tasks = [
            self._loop.create_task(work()) for work in (self._write, self._read, self._watch)
        ]
        for task in self._tasks:
            task.add_done_callback(_ended)

    def publish(self, note: BusEvent) -> None:
        """Append a note; it is delivered here when it comes back, or at once without Redis."""
        if len(self._unsent) >= MAX_UNSENT:
            self._unsent.popleft()
            self.unsent_lost += 1
        self._unsent.append(note)
        self._something.set()
        if self._alone:
            self._once(note)
        else:
            self._awaiting.append((self._loop.time(), note))

    async def close(self) -> None:
        """Append what is waiting, within a second, and stop."""
        if self._unsent and not self._alone:
            self._drained.clear()
            with contextlib.suppress(TimeoutError):  # Redis is away: the others miss the last words
                await asyncio.wait_for(self._drained.wait(), PATIENCE)
        running = set(self._tasks)
        while running:
            # More than once: a cancellation that meets a time-out of the client's own is lost.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=PATIENCE)
        for client in (self._writer, self._reader):
            await client.aclose()

    def _once(self, note: BusEvent) -> None:
        """Deliver a note, unless it has been."""
        if note.number <= self._seen.get(note.origin, 0):
            return
        if len(self._seen) >= MAX_ORIGINS:
            del self._seen[next(iter(self._seen))]
        self._seen[note.origin] = note.number
        self._deliver(note)

    def _go_alone(self, why: object) -> None:
        if not self._alone:
            log.warning("chat goes on without Redis: %s", why)
        self._alone = True
        waiting, self._awaiting = self._awaiting, deque()
        for _, note in waiting:
            self._once(note)

    def _come_back(self) -> None:
        """Redis answers: from now on its order counts, once nothing of ours is left to append."""
        if self._alone and self._follows and not self._unsent:
            self._alone = False
            log.info("chat is connected through Redis")

    async def _write(self) -> None:
        while True:
            await self._something.wait()
            batch = [self._marked(self._unsent[i]) for i in range(min(BATCH, len(self._unsent)))]
            if not batch:
                self._something.clear()
                self._drained.set()
                continue
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._writer.xadd(
                        self._stream, {FIELD: encode(batch)}, maxlen=LONGEST, approximate=True
                    )
            except (RedisError, OSError, TimeoutError) as error:
                self._go_alone(error or "no answer")
                await self._writer.connection_pool.disconnect()
                await asyncio.sleep(AGAIN)
                continue
            last = batch[-1].number
            while self._unsent and self._unsent[0].number <= last:
                self._unsent.popleft()
            self._come_back()

    def _marked(self, note: BusEvent) -> BusEvent:
        """The note as the others are to get it."""
        heard_here = note.number <= self._seen.get(note.origin, 0)
        return structs.replace(note, apart=True) if heard_here else note

    async def _read(self) -> None:
        while True:
            try:
                if self._at is None:
                    seconds, micros = await self._reader.time()
                    self._at = f"{max(0, seconds * 1000 + micros // 1000 - CATCH_UP)}-0"
                answer = await self._reader.xread({self._stream: self._at}, count=100, block=BLOCK)
            except (RedisError, OSError, TimeoutError) as error:
                self._follows = False
                self._go_alone(error)
                await self._reader.connection_pool.disconnect()
                await asyncio.sleep(AGAIN)
                continue
            for _, entries in answer or ():
                for at, fields in entries:
                    self._at = at
                    self._take(fields.get(FIELD, b""))
            self._follows = True
            self._come_back()

    def _take(self, data: bytes) -> None:
        try:
            notes = decode(data)
        except msgspec.DecodeError as error:  # another version of the station wrote it
            log.warning("an entry of the chat's stream cannot be read: %s", error)
            return
        for note in notes:
            while self._awaiting and self._awaiting[0][1].origin == note.origin:
                if self._awaiting[0][1].number > note.number:
                    break
                self._awaiting.popleft()
            self._once(note)

    async def _watch(self) -> None:
        """Notice an echo that does not come, whatever the reason."""
        while True:
            await asyncio.sleep(PATIENCE / 4)
            if self._awaiting and self._loop.time() - self._awaiting[0][0] > PATIENCE:
                self._go_alone("what was said does not come back")


def _ended(task: asyncio.Task[None]) -> None:
    """A part of the bus never ends by itself: what it failed of belongs into the log."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the bus of the chat has failed", exc_info=error)
