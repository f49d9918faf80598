"""Brings messages and acts to the database in order and in batches, off the fan-out path."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from django.db import DataError, Error, IntegrityError

from madang.apps.chat import store
from madang.chat.model import Message, ModerationAction
from madang.infra.database import database

log = logging.getLogger(__name__)

PAUSE: Final = 0.5
"""Seconds between two batches: what `kill -9` may cost of a chat's record. An act of a moderator
does not wait: a ban must hold."""

AWAY: Final = 5.0
"""Seconds between tries while the database is away."""

MAX_WAITING: Final = 200_000
"""Messages and acts that wait for a database that is away: minutes of the busiest chat, 100 MB.
Beyond it the oldest are not kept; the chat itself goes on."""

PRUNE: Final = 3600.0


class MessageWriter:
    """One writer. What it is given is kept once, whatever happens to the database meanwhile."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Message | ModerationAction]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chat-keeper")
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[bool] | None = None
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._under_way = 0
        self.lost = 0
        self.away = False

    @property
    def waiting(self) -> int:
        """What is not in the database yet."""
        return len(self._waiting) + self._under_way

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    def keep(self, channel: int, entry: Message | ModerationAction) -> None:
        """Keep a message or an act of the channel with this key."""
        if len(self._waiting) >= MAX_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((channel, entry))
        self._something.set()
        if isinstance(entry, ModerationAction):
            self._urgent.set()

    async def close(self, patience: float) -> None:
        """Write what is waiting, in at most `patience` seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=patience)
        loop = asyncio.get_running_loop()
        ends = loop.time() + patience
        while self._waiting and loop.time() < ends:
            if not await self._write():
                break
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        prune_at = loop.time() + 60.0
        while True:
            try:
                timeout = max(0.0, prune_at - loop.time())
                await asyncio.wait_for(self._something.wait(), timeout)
            except TimeoutError:
                prune_at = loop.time() + PRUNE
                await loop.run_in_executor(self._thread, _prune)
                continue
            self._something.clear()
            while self._waiting:
                self._writing = asyncio.ensure_future(self._write())
                if await asyncio.shield(self._writing):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._urgent.wait(), PAUSE)
                else:
                    await asyncio.sleep(AWAY)

    async def _write(self) -> bool:
        self._urgent.clear()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 4 * store.BATCH))]
        self._under_way = len(batch)
        loop = asyncio.get_running_loop()
        written = await loop.run_in_executor(self._thread, _written, batch)
        self._under_way = 0
        self.away = written < len(batch)
        self._waiting.extendleft(reversed(batch[written:]))
        return not self.away


def _written(batch: list[tuple[int, Message | ModerationAction]]) -> int:
    """Write entries in order; returns how many need no further try."""
    done = 0
    try:
        with database():
            while done < len(batch):
                channel, entry = batch[done]
                if isinstance(entry, ModerationAction):
                    _record(channel, entry)
                    done += 1
                    continue
                messages: list[tuple[int, Message]] = []
                for of, said in batch[done:]:
                    if isinstance(said, ModerationAction):
                        break
                    messages.append((of, said))
                _keep(messages)
                done += len(messages)
    except Error:
        log.exception("the database did not take %d entries of chats", len(batch) - done)
    return done


def _record(channel: int, act: ModerationAction) -> None:
    try:
        store.record(channel, act)
    except (IntegrityError, DataError) as error:  # the channel or the account is deleted
        log.warning("the act %s of a moderator is not kept: %s", act.id, error)


def _keep(messages: list[tuple[int, Message]]) -> None:
    try:
        store.keep(messages)
    except (IntegrityError, DataError) as error:
        if len(messages) == 1:
            log.warning("a message is not kept: %s", error)
            return
        for message in messages:
            _keep([message])


def _prune() -> None:
    try:
        with database():
            store.prune(datetime.now(UTC))
    except Error:
        log.exception("old messages of chats are not deleted; it is tried again in an hour")
