"""Requests of the processes that serve pages, taken from Redis one by one.

The other side is `madang.apps.chat.rpc_client`. This side also writes connection counts to Redis.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from django.utils.translation import override
from redis.exceptions import RedisError

from madang.apps.channels.errors import NoSuchChannel
from madang.apps.chat.rpc_client import (
    COUNT_SECONDS,
    COUNTS,
    FORGOTTEN,
    PROCESSES,
    REQUESTS,
    RESPONSE,
    RpcRequest,
    RpcResponse,
    decode_request,
    encode_response,
)
from madang.chat.errors import ChatRefused
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.tasks import TaskSupervisor
from madang.servers.chat.hub import ChatHub
from madang.servers.chat.redis_clients import loop_clients
from madang.servers.chat.service import ChatService

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RpcServerLimits:
    """Times in seconds.

    Redis may take `patience`, and is tried again after `retry`. A look into the list of requests
    waits `block`. Counts are written every `count`.
    """

    patience: float = 1.0
    block: float = 2.0
    retry: float = 0.5
    count: float = 2.0


DEFAULT_LIMITS: Final = RpcServerLimits()


class RpcServer:
    """The chat's end of the connection to the pages. `name` is that of this process."""

    def __init__(
        self,
        url: str,
        hub: ChatHub,
        service: ChatService,
        name: str,
        *,
        limits: RpcServerLimits = DEFAULT_LIMITS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._hub = hub
        self._service = service
        self._name = name
        self._limits = limits
        self._clock = clock
        self._client, self._blocking = loop_clients(
            url, patience=limits.patience, block=limits.block
        )
        self._supervisor = TaskSupervisor(log, "a request of a page")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin on the running event loop. Does not wait for Redis."""
        for work, pause in (
            (self._take_request, 0.0),
            (self._write_counts, self._limits.count),
        ):
            self._tasks.add(self._supervisor.spawn(self._repeat(work, pause)))

    async def close(self) -> None:
        """Take no more requests, and remove this process's counts."""
        running = set(self._tasks)
        while running:
            # More than once: a cancellation that meets a time-out of the client's own is lost.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=self._limits.patience)
        await self._supervisor.wait(self._limits.patience)  # requests that are being handled
        try:
            async with asyncio.timeout(self._limits.patience):
                await self._client.zrem(PROCESSES, self._name)
                await self._client.delete(COUNTS + self._name)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the count of a process that ends stays for a moment: %s", error)
        for client in (self._client, self._blocking):
            await client.aclose()

    async def _repeat(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        away = False
        while True:
            try:
                await work()
                away = False
            except (RedisError, OSError, TimeoutError) as error:
                if not away:
                    log.warning("the pages cannot reach the chats: %s", error)
                away = True
                await asyncio.sleep(self._limits.retry)
            await asyncio.sleep(pause)

    async def _take_request(self) -> None:
        found = await self._blocking.blpop([REQUESTS], timeout=self._limits.block)
        if found is None:
            return
        try:
            request = decode_request(found[1])
        except msgspec.DecodeError as error:  # another version of the station wrote it
            log.warning("a request of a page cannot be read: %s", error)
            return
        self._supervisor.spawn(self._handle(request))

    async def _handle(self, request: RpcRequest) -> None:
        response = await self._respond(request)
        try:
            pipe = self._client.pipeline()
            pipe.rpush(RESPONSE + request.id, encode_response(response))
            pipe.expire(RESPONSE + request.id, FORGOTTEN)
            await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("a page does not get the answer to its request: %s", error)

    async def _respond(self, request: RpcRequest) -> RpcResponse:
        with override(request.language):  # of this task alone
            try:
                return RpcResponse(
                    await self._service.perform(
                        request.kind, request.slug, request.account, request.request
                    )
                )
            except NoSuchChannel as error:
                return RpcResponse(error="unknown_channel", words=str(error))
            except ChatRefused as error:
                return RpcResponse(
                    error=error.code, words=error.message, retry_after=error.retry_after
                )

    async def _write_counts(self) -> None:
        counts = {slug: len(room.readers) for slug, room in self._hub.rooms.items() if room.readers}
        now = self._clock.wall()
        pipe = self._client.pipeline()
        pipe.set(COUNTS + self._name, msgspec.json.encode(counts), px=round(COUNT_SECONDS * 1000))
        pipe.zadd(PROCESSES, {self._name: now})
        pipe.zremrangebyscore(PROCESSES, "-inf", now - 10 * COUNT_SECONDS)
        await pipe.execute()
