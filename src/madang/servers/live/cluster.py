"""One of several live processes: it publishes its status, renews its leases, takes messages."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
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
    decode_message,
    encode,
)
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.tasks import TaskSupervisor
from madang.servers.live.leases import LEASE_SECONDS, LeasesAway
from madang.servers.live.redis_leases import RedisLeases

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClusterIntervals:
    """Seconds. `lease` is how long a lease lasts, renewed three times in that time: two renewals
    may fail. `refresh` is between two reports of status, and before the subscription to messages
    is tried again; `listen` one wait for a message. A process without news for `forgotten` is
    dropped from the list. `leaving` is for the end."""

    lease: float = LEASE_SECONDS
    refresh: float = REFRESH
    listen: float = 0.5
    forgotten: float = 3600.0
    leaving: float = 2.0


DEFAULT_INTERVALS: Final = ClusterIntervals()
RENEWALS: Final = 3


class MessageHandler(LiveDirectory, Protocol):
    """The hub, as other processes use it. All methods may be called from any thread."""

    def lease_lost(self, slug: str) -> None:
        """Take note that another process has the channel now."""


class ClusterMember:
    """This process among the live processes of the station; used on the event loop only.

    It publishes the status of its channels, renews its `leases` and takes messages. `subscribed`
    is set while messages arrive.
    """

    def __init__(
        self,
        client: Redis,
        name: str,
        intervals: ClusterIntervals = DEFAULT_INTERVALS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.leases = RedisLeases(client, name, lasting=intervals.lease)
        self.subscribed = asyncio.Event()
        self._client = client
        self._name = name
        self._intervals = intervals
        self._wall = clock.wall
        self._tasks = TaskSupervisor(log, "the exchange with other processes")
        self._closing = False

    def start(self, handler: MessageHandler) -> None:
        """Begin to publish the status of `handler`'s channels, and to bring it messages."""
        self.leases.on_lost = handler.lease_lost
        refresh = self._intervals.refresh
        for what, interval, act in (
            ("status", refresh, lambda: self._publish_status(handler.snapshot())),
            (
                "leases",
                self._intervals.lease / RENEWALS,
                lambda: self.leases.renew(list(handler.snapshot())),
            ),
            ("messages", refresh, lambda: self._receive_messages(handler)),
        ):
            self._tasks.spawn(self._run_periodically(what, interval, act))

    async def close(self) -> None:
        """Publish nothing more; what was published is withdrawn, if Redis answers."""
        self._closing = True
        # The client may take the cancellation for a time-out of its own, and go on.
        await self._tasks.close(self._intervals.leaving)
        with contextlib.suppress(RedisError):
            await self._client.delete(NEWS + self._name)
            await self._client.zrem(PROCESSES, self._name)
        await self._client.aclose()

    async def _run_periodically(
        self, what: str, interval: float, act: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Call `act` again and again; what Redis cannot take now it takes later."""
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
            await asyncio.sleep(interval)

    async def _publish_status(self, snapshot: Mapping[str, LiveStatus]) -> None:
        now = self._wall()
        async with self._client.pipeline(transaction=True) as pipeline:
            news = encode(list(snapshot.values()))
            pipeline.set(NEWS + self._name, news, px=round(NEWS_SECONDS * 1000))
            pipeline.zadd(PROCESSES, {self._name: now})
            pipeline.zremrangebyscore(PROCESSES, "-inf", now - self._intervals.forgotten)
            await pipeline.execute()

    async def _receive_messages(self, handler: MessageHandler) -> None:
        async with self._client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.subscribe(MESSAGES)
            self.subscribed.set()
            try:
                while not self._closing:
                    message = await subscription.get_message(timeout=self._intervals.listen)
                    if message is not None:
                        self._handle_message(handler, message["data"])
            finally:
                self.subscribed.clear()

    def _handle_message(self, handler: MessageHandler, data: bytes) -> None:
        try:
            message = decode_message(data)
        except msgspec.DecodeError as error:
            log.warning("a message from another process cannot be read: %s", error)
            return
        if message.to not in {"", self._name}:
            return
        match message.kind:
            case "changed":
                handler.channel_changed(message.slug)
            case "disconnect":
                handler.disconnect(message.slug, message.reason)
            case "taken":
                handler.lease_lost(message.slug)
