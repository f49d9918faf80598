"""Tells webhooks what happens in chats, and sends what is due, on threads.

That a show begins or ends is noted with the record of the show (`madang.apps.broadcasts`); from
there on it is a delivery like any other. Where several processes run this, each delivery is sent
by one of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from django.db import Error

from madang.apps.chat import webhooks
from madang.apps.chat.models import WebhookDelivery
from madang.chat.model import Message, ModerationAction
from madang.infra.database import database
from madang.servers.chat.room import Room

log = logging.getLogger(__name__)

LOOK: Final = 1.0
"""Seconds between two looks at what is due."""

WANTED: Final = 5.0
"""Seconds for which it is remembered which events anybody wants: a new webhook waits so long."""

AT_ONCE: Final = 50
THREADS: Final = 4
"""Receivers that are told at a time; a slow one holds up one of them."""

MAX_NOTED: Final = 10_000
"""Events that wait for a database that is away."""

_BANS: Final = {"ban", "timeout"}


class WebhookSender:
    """The webhooks' side of one process."""

    def __init__(self) -> None:
        self._noted: list[tuple[int, str, Mapping[str, Any], datetime]] = []
        self._wanted: set[tuple[int, str]] = set()
        self._wanted_at = -1e9
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self, patience: float) -> None:
        """Note what is to be told; the next start tells it."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        noted = asyncio.ensure_future(self._in_thread(self._write_down_last))
        await asyncio.wait([noted], timeout=patience)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def happened(self, room: Room, kind: str, value: Message | ModerationAction) -> None:
        """A message was sent or an act done in a chat."""
        channel = room.state.channel
        if isinstance(value, Message):
            if (channel, "message") in self._wanted:
                self._note(channel, "message", value.as_json())
        elif value.kind in _BANS and (channel, "ban") in self._wanted:
            told = {
                "person": value.person,
                "name": value.name,
                "by": value.by_name,
                "seconds": value.seconds,
                "reason": value.reason,
            }
            self._note(channel, "ban", told)

    def _note(self, channel: int, event: str, content: Mapping[str, Any]) -> None:
        if len(self._noted) < MAX_NOTED:
            self._noted.append((channel, event, content, datetime.now(UTC)))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            fresh = loop.time() - self._wanted_at > WANTED
            try:
                found = await self._in_thread(partial(self._look, fresh))
            except Error:
                log.warning("the database is away: webhooks wait")
            else:
                if fresh:
                    self._wanted_at = loop.time()
                await asyncio.gather(*(self._in_thread(_teller(one)) for one in found))
            await asyncio.sleep(LOOK)

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _look(self, fresh: bool) -> list[WebhookDelivery]:
        """On a thread: note what happened, and find what is due. Raises django.db.Error."""
        now = datetime.now(UTC)
        with database():
            if fresh:
                self._wanted = webhooks.wanted()
                webhooks.forget(now)
            self._write_down()
            return webhooks.due(now, AT_ONCE) if self._wanted else []

    def _write_down_last(self) -> None:
        with database():
            self._write_down()

    def _write_down(self) -> None:
        while self._noted:
            channel, event, content, at = self._noted[0]
            webhooks.queue(channel, event, content, at)
            del self._noted[0]


def _teller(delivery: WebhookDelivery) -> Callable[[], None]:
    def tell() -> None:
        outcome = webhooks.send(delivery, datetime.now(UTC))
        try:
            with database():
                webhooks.note(delivery, outcome, datetime.now(UTC))
        except Error:
            log.warning("the delivery d%d is told again: the database is away", delivery.pk)

    return tell
