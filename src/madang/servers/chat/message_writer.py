"""Writes messages and actions to the database, in order and in batches, beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import DataError, Error, IntegrityError

from madang.apps.chat import store
from madang.apps.videos import chat_replay
from madang.chat.model import Message, ModerationAction
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import database
from madang.infra.tasks import TaskSupervisor

log = logging.getLogger(__name__)

Entry = tuple[int, Message | ModerationAction]
"""The key of a channel, and a message or an action of its chat."""


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """Times in seconds.

    `pause` lies between two batches: what `kill -9` may lose of messages. An action does not wait,
    since a ban must hold. `retry` lies between two tries while the database is away. `waiting` is
    the most entries that wait for it, minutes of the busiest chat and 100 MB; beyond it the oldest
    are lost. `prune` lies between two deletions of old rows, the first after `first_prune`.
    """

    pause: float = 0.5
    retry: float = 5.0
    waiting: int = 200_000
    first_prune: float = 60.0
    prune: float = 3600.0


DEFAULT_LIMITS: Final = WriterLimits()


def write_entries(batch: Sequence[Entry]) -> int:
    """Write entries in order on a thread; return how many need no further try."""
    done = 0
    try:
        with database():
            while done < len(batch):
                channel, entry = batch[done]
                if isinstance(entry, ModerationAction):
                    _record_action(channel, entry)
                    done += 1
                    continue
                messages: list[tuple[int, Message]] = []
                for channel, entry in batch[done:]:
                    if isinstance(entry, ModerationAction):
                        break
                    messages.append((channel, entry))
                _keep_messages(messages)
                done += len(messages)
    except Error:
        log.exception("the database did not take %d entries of chats", len(batch) - done)
    return done


class MessageWriter:
    """The one writer of a process. Each entry is written once, after outages of the database too.

    `write` is called with a batch on the writer's thread.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Entry]], int] = write_entries,
        limits: WriterLimits = DEFAULT_LIMITS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._write_batch = write
        self._limits = limits
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chat-messages")
        self._task: asyncio.Task[None] | None = None
        self._writing: asyncio.Future[bool] | None = None
        self._something = asyncio.Event()
        self._urgent = asyncio.Event()
        self._under_way = 0
        self.lost = 0
        self.away = False

    @property
    def waiting(self) -> int:
        """Entries that are not in the database yet."""
        return len(self._waiting) + self._under_way

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = TaskSupervisor(log, "the writer of the chats").spawn(self._run())

    def write(self, channel: int, entry: Message | ModerationAction) -> None:
        """Write a message or an action of the channel with this key soon."""
        if len(self._waiting) >= self._limits.waiting:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append((channel, entry))
        self._something.set()
        if isinstance(entry, ModerationAction):
            self._urgent.set()

    async def close(self, patience: float) -> None:
        """Write the waiting entries, in at most `patience` seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        ends = self._clock.monotonic() + patience
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=patience)
        while self._waiting and self._clock.monotonic() < ends:
            if not await self._write():
                break
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        prune_at = self._clock.monotonic() + self._limits.first_prune
        while True:
            try:
                timeout = max(0.0, prune_at - self._clock.monotonic())
                # Not wait_for: up to Python 3.11 it loses a cancellation that meets the end.
                async with asyncio.timeout(timeout):
                    await self._something.wait()
            except TimeoutError:
                wall, now = self._clock.wall(), self._clock.monotonic()
                prune_at = now + self._limits.prune
                await loop.run_in_executor(self._thread, _prune, datetime.fromtimestamp(wall, UTC))
                continue
            self._something.clear()
            while self._waiting:
                self._writing = asyncio.ensure_future(self._write())
                if await asyncio.shield(self._writing):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._limits.pause):
                            await self._urgent.wait()
                else:
                    await asyncio.sleep(self._limits.retry)

    async def _write(self) -> bool:
        self._urgent.clear()
        batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 4 * store.BATCH))]
        self._under_way = len(batch)
        loop = asyncio.get_running_loop()
        written = await loop.run_in_executor(self._thread, self._write_batch, batch)
        self._under_way = 0
        self.away = written < len(batch)
        self._waiting.extendleft(reversed(batch[written:]))
        return not self.away


def _record_action(channel: int, action: ModerationAction) -> None:
    try:
        store.save_action(channel, action)
    except (IntegrityError, DataError) as error:  # the channel or the account is deleted
        log.warning("the act %s of a moderator is not kept: %s", action.id, error)


def _keep_messages(messages: list[tuple[int, Message]]) -> None:
    try:
        store.save_messages(messages)
    except (IntegrityError, DataError) as error:
        if len(messages) == 1:
            log.warning("a message is not kept: %s", error)
            return
        for message in messages:
            _keep_messages([message])


def _prune(now: datetime) -> None:
    try:
        with database():
            store.prune(now, chat_replay.spans_kept())
    except Error:
        log.exception("old messages of chats are not deleted; it is tried again in an hour")
