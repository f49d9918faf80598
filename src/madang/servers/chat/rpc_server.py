"""Where the processes for pages are served: wishes are taken from Redis one by one, and how many
are in each chat is written there. The other side is `madang.apps.chat.rpc_client`. The machine with
the pages is told of stubborn addresses as well, as that is where clients knock."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from django.utils.translation import override
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
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
from madang.chat.bus_events import STUBBORN
from madang.chat.errors import ChatRefused
from madang.servers.chat.hub import COUNT_EVERY, ChatHub
from madang.servers.chat.service import ChatService

PATIENCE: Final = 1.0
"""Seconds that Redis may take."""

BLOCK: Final = 2.0
"""Seconds that one look into the list of wishes waits."""

AGAIN: Final = 0.5
"""Seconds between two tries to reach Redis."""

TOLD: Final = 1000
"""Lines about stubborn addresses that wait for Redis. Whoever is lost beyond it goes on, and is
told of again."""

LEAVING: Final = 1.0
"""Seconds to take leave at the end."""

log = logging.getLogger(__name__)


class RpcServer:
    """A process's end of the line to the pages. `name` is this process's."""

    def __init__(self, url: str, hub: ChatHub, service: ChatService, name: str) -> None:
        never = Retry(NoBackoff(), 0)
        self._hub = hub
        self._service = service
        self._name = name
        self._client: Any = Redis.from_url(
            url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=never
        )
        self._waiting: Any = Redis.from_url(
            url, socket_timeout=PATIENCE + BLOCK, socket_connect_timeout=PATIENCE, retry=never
        )
        self._lines: asyncio.Queue[str] = asyncio.Queue(TOLD)
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin on the running event loop. Does not wait for Redis."""
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._forever(self._take, 0.0)),
            loop.create_task(self._forever(self._count, COUNT_EVERY)),
            loop.create_task(self._forever(self._tell, 0.0)),
        ]
        self._hub.abuse.tell = self._hear

    async def close(self) -> None:
        """Take no more wishes, and be counted no more."""
        running = set(self._tasks)
        while running:
            # More than once: a cancellation that meets a time-out of the client's own is lost.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=LEAVING)
        try:
            async with asyncio.timeout(LEAVING):
                await self._client.zrem(PROCESSES, self._name)
                await self._client.delete(COUNTS + self._name)
        except (RedisError, OSError, TimeoutError) as error:
            log.debug("the count of a process that ends stays for a moment: %s", error)
        for client in (self._client, self._waiting):
            await client.aclose()

    async def _forever(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        away = False
        while True:
            try:
                await work()
                away = False
            except (RedisError, OSError, TimeoutError) as error:
                if not away:
                    log.warning("the pages cannot reach the chats: %s", error)
                away = True
                await asyncio.sleep(AGAIN)
            await asyncio.sleep(pause)

    async def _take(self) -> None:
        found = await self._waiting.blpop([REQUESTS], timeout=BLOCK)
        if found is None:
            return
        try:
            request = decode_request(found[1])
        except msgspec.DecodeError as error:  # another version of the station wrote it
            log.warning("a wish of a page cannot be read: %s", error)
            return
        self._hub.spawn(self._handle(request))

    async def _handle(self, request: RpcRequest) -> None:
        response = await self._respond(request)
        try:
            pipe = self._client.pipeline()
            pipe.rpush(RESPONSE + request.id, encode_response(response))
            pipe.expire(RESPONSE + request.id, FORGOTTEN)
            await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("a page does not hear what became of its wish: %s", error)

    async def _respond(self, request: RpcRequest) -> RpcResponse:
        with override(request.language):  # of this task alone
            try:
                return RpcResponse(
                    await self._service.do(
                        request.kind, request.slug, request.account, request.request
                    )
                )
            except NoSuchChannel as error:
                return RpcResponse(error="unknown_channel", words=str(error))
            except ChatRefused as error:
                return RpcResponse(
                    error=error.code, words=error.message, retry_after=error.retry_after
                )

    def _hear(self, words: str) -> None:
        if not self._lines.full():
            self._lines.put_nowait(words)

    async def _tell(self) -> None:
        await self._client.publish(STUBBORN, await self._lines.get())

    async def _count(self) -> None:
        here = {slug: len(room.readers) for slug, room in self._hub.rooms.items() if room.readers}
        pipe = self._client.pipeline()
        pipe.set(COUNTS + self._name, msgspec.json.encode(here), px=round(COUNT_SECONDS * 1000))
        pipe.zadd(PROCESSES, {self._name: time.time()})
        pipe.zremrangebyscore(PROCESSES, "-inf", time.time() - 10 * COUNT_SECONDS)
        await pipe.execute()
