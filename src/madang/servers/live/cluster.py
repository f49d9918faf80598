"""A live process's end of the line: its news go out, messages to it come in, claims are kept."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from madang.apps.broadcasts.ports import LiveDirectory, LiveStatus
from madang.apps.broadcasts.redis_directory import (
    MESSAGES,
    NEWS,
    NEWS_SECONDS,
    PROCESSES,
    REFRESH,
    DirectoryMessage,
    decode_message,
    encode,
)
from madang.servers.live.leases import LEASE_SECONDS, LeasesAway
from madang.servers.live.redis_leases import RedisLeases

RENEWALS: Final = 3
"""Renewals while a claim lasts: two may fail."""

FORGOTTEN: Final = 3600.0
"""Seconds without news after which a process's name is dropped from the list."""

LISTEN: Final = 0.5
"""Seconds of one wait for a message."""

LEAVING: Final = 2.0
"""Seconds to leave off at the end."""

log = logging.getLogger(__name__)


class ClusterHandler(LiveDirectory, Protocol):
    """What the link needs of the hub. All may be called from any thread."""

    def taken(self, slug: str) -> None:
        """Another process has the channel now."""


class ClusterLink:
    """Everything happens on the event loop. `claims` are for the hub, before `start`."""

    def __init__(self, client: Redis, name: str, lasting: float = LEASE_SECONDS) -> None:
        self.leases = RedisLeases(client, name, lasting=lasting)
        self._client = client
        self._name = name
        self._renewal = lasting / RENEWALS
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False

    def start(self, handler: ClusterHandler) -> None:
        """Begin to tell of `stage` and to hear for it."""
        self.leases.lost = handler.taken
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(
                self._forever("news", REFRESH, lambda: self._tell(handler.snapshot()))
            ),
            loop.create_task(
                self._forever(
                    "claims", self._renewal, lambda: self.leases.renew(list(handler.snapshot()))
                )
            ),
            loop.create_task(self._forever("messages", REFRESH, lambda: self._listen(handler))),
        ]

    async def close(self) -> None:
        """Tell nothing more; what was told is withdrawn, if Redis can be told so."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # The client may take the cancellation for a time-out of its own, and go on.
            await asyncio.wait(self._tasks, timeout=LEAVING)
        with contextlib.suppress(RedisError):
            await self._client.delete(NEWS + self._name)
            await self._client.zrem(PROCESSES, self._name)
        await self._client.aclose()

    async def _forever(
        self, what: str, pause: float, act: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Do it again and again; what Redis cannot take now it takes later."""
        away = False
        while not self._closing:
            try:
                await act()
                away = False
            except (RedisError, LeasesAway) as error:
                if not away:
                    log.warning("%s for the other processes must wait: %s", what, error)
                away = True
            except Exception:
                log.exception("%s for the other processes failed", what)
            await asyncio.sleep(pause)

    async def _tell(self, snapshot: Mapping[str, LiveStatus]) -> None:
        now = time.time()
        async with self._client.pipeline(transaction=True) as pipeline:
            news = encode(list(snapshot.values()))
            pipeline.set(NEWS + self._name, news, px=round(NEWS_SECONDS * 1000))
            pipeline.zadd(PROCESSES, {self._name: now})
            pipeline.zremrangebyscore(PROCESSES, "-inf", now - FORGOTTEN)
            await pipeline.execute()

    async def _listen(self, handler: ClusterHandler) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as listening:
            await listening.subscribe(MESSAGES)
            while not self._closing:
                heard = await listening.get_message(timeout=LISTEN)
                if heard is not None:
                    self._hear(handler, heard["data"])

    def _hear(self, handler: ClusterHandler, data: bytes) -> None:
        try:
            message = decode_message(data)
        except msgspec.DecodeError as error:
            log.warning("a message from another process cannot be read: %s", error)
            return
        if message.to in {"", self._name}:
            _act(handler, message)


def _act(handler: ClusterHandler, message: DirectoryMessage) -> None:
    match message.kind:
        case "changed":
            handler.channel_changed(message.slug)
        case "disconnect":
            handler.disconnect(message.slug, message.reason)
        case "taken":
            handler.taken(message.slug)
