"""The chats for a process that runs none: pages ask the processes that do, through Redis.

Changes in the database are events of the chats' stream. Requests are entries of a list, from which
exactly one process takes each; the response comes back in a list of its own. Every process writes
its connections in each chat every few seconds.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec
from django.utils.translation import get_language
from redis import Redis
from redis.exceptions import RedisError

from madang.apps.channels.errors import NoSuchChannel
from madang.chat.bus_events import FIELD, LONGEST, STREAM, BusEvent, encode
from madang.chat.errors import ChatAway, refused_as
from madang.chat.model import Account
from madang.infra.clock import SYSTEM_CLOCK, Clock

REQUESTS: Final = "madang:chat:wishes"
"""List of requests, each an `RpcRequest` as JSON, the oldest first."""

RESPONSE: Final = "madang:chat:answer:"
"""Followed by the id of a request: a list of one `RpcResponse` as JSON."""

PROCESSES: Final = "madang:chat:processes"
"""Sorted set of the processes that serve chats, by the time of their last count."""

COUNTS: Final = "madang:chat:counts:"
"""Followed by the name of a process: its connections by channel, as JSON."""

COUNT_SECONDS: Final = 10.0
"""Seconds for which a count is valid; then its process is taken for dead."""

PATIENCE: Final = 5
"""Seconds that a person waits for a response; chats respond in milliseconds."""

FORGOTTEN: Final = 10
"""Seconds after which Redis drops requests and responses that nobody has taken."""

CACHED: Final = 1.0
"""Seconds for which counted connections are not looked up again."""

RETRY: Final = 1.0
"""Seconds between two tries to publish a change while Redis is away."""

UNSENT: Final = 1000
"""Changes that wait for Redis; there are a few an hour."""

log = logging.getLogger(__name__)


class RpcRequest(msgspec.Struct, frozen=True):
    """A request of `account` to the chat of `slug`; errors come in `language`."""

    id: str
    kind: Literal["moderate", "say"]
    slug: str
    account: Account
    request: dict[str, Any]
    language: str = "en"


class RpcResponse(msgspec.Struct, frozen=True):
    """The acknowledgement of a request, or its error.

    `error` is a code of `ChatRefused`, or `unknown_channel`; `words` is its message in the language
    of the request.
    """

    answer: dict[str, Any] | None = None
    error: str = ""
    words: str = ""
    retry_after: float | None = None


def decode_request(data: bytes) -> RpcRequest:
    """Return the request in an entry of the list. Raises msgspec.DecodeError."""
    return msgspec.json.decode(data, type=RpcRequest)


def encode_response(response: RpcResponse) -> bytes:
    """Return a response as Redis holds it."""
    return msgspec.json.encode(response)


class ChatRpcClient:
    """`madang.apps.chat.ports.Chats` for a process without chats. `close` after `start`.

    `blocking` is a client whose answers may take `PATIENCE` and more, `client` one for all else.
    """

    def __init__(self, client: Redis, blocking: Redis, clock: Clock = SYSTEM_CLOCK) -> None:
        self._client: Any = client  # redis-py types every answer as possibly awaitable
        self._blocking: Any = blocking
        self._clock = clock
        self._origin = f"pages-{os.getpid()}-{round(clock.wall() * 1e9):x}"
        self._number = 0
        self._unsent: deque[tuple[str, str, Any]] = deque(maxlen=UNSENT)
        self._sending = threading.Lock()
        self._counting = threading.Lock()
        self._counted: tuple[float, Mapping[str, int]] = (-CACHED, {})
        self._something = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._publish_later, name="chats", daemon=True)

    def start(self) -> None:
        """Keep trying to publish what Redis did not take, until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Publish nothing more."""
        self._stop.set()
        self._something.set()
        if self._thread.is_alive():
            self._thread.join(2 * RETRY)
        self._client.close()
        self._blocking.close()

    # --- the port -------------------------------------------------------------------------------

    def changed(self, slug: str) -> None:
        """Have every process reload a chat, or every chat if `slug` is empty."""
        self._publish(slug, "refresh", {})

    def person_changed(self, account: int) -> None:
        """Have every process check the connections of an account."""
        self._publish("", "person", {"account": account})

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Handle a moderation request. Raises ChatRefused, NoSuchChannel."""
        return self._call("moderate", slug, account, request)

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message. Raises ChatRefused, NoSuchChannel."""
        return self._call("say", slug, account, request)

    def connections(self) -> Mapping[str, int]:
        """Return connections by channel; the last count while Redis is away."""
        with self._counting:
            counted_at, known = self._counted
            if self._clock.monotonic() - counted_at >= CACHED:
                try:
                    known = self.count()
                except RedisError as error:
                    log.warning("the chats cannot be counted: %s", error)
                self._counted = (self._clock.monotonic(), known)
        return known

    def count(self) -> Mapping[str, int]:
        """Count connections by channel now. Raises RedisError."""
        since = self._clock.wall() - COUNT_SECONDS
        names: list[bytes] = self._client.zrangebyscore(PROCESSES, since, "+inf")
        found: Counter[str] = Counter()
        for data in self._client.mget([COUNTS + name.decode() for name in names]) if names else []:
            if data is not None:
                found.update(msgspec.json.decode(data, type=dict[str, int]))
        return found

    # --- inside ---------------------------------------------------------------------------------

    def _call(
        self,
        kind: Literal["moderate", "say"],
        slug: str,
        account: Account,
        body: Mapping[str, Any],
    ) -> dict[str, Any]:
        request = RpcRequest(
            secrets.token_hex(8), kind, slug, account, dict(body), get_language() or "en"
        )
        entry = msgspec.json.encode(request)
        try:
            pipe = self._client.pipeline()
            pipe.rpush(REQUESTS, entry)
            pipe.expire(REQUESTS, FORGOTTEN)
            pipe.execute()
            found = self._blocking.blpop([RESPONSE + request.id], timeout=PATIENCE)
            if found is None:
                # It must not be handled after the person has been told that it failed.
                self._client.lrem(REQUESTS, 1, entry)
                raise ChatAway
        except RedisError as error:
            log.warning("the chats cannot be asked: %s", error)
            raise ChatAway from error
        response = msgspec.json.decode(found[1], type=RpcResponse)
        if response.answer is not None:
            return response.answer
        if response.error == "unknown_channel":
            raise NoSuchChannel(response.words)
        raise refused_as(response.error, response.words, response.retry_after)

    def _publish(self, slug: str, kind: str, body: Any) -> None:
        self._unsent.append((slug, kind, body))
        try:
            self._publish_unsent()
        except RedisError as error:
            log.warning("the chats hear later that something changed: %s", error)
            self._something.set()

    def _publish_unsent(self) -> None:
        with self._sending:
            while self._unsent:
                slug, kind, body = change = self._unsent.popleft()
                # An event that went out although Redis seemed away has the number of its second
                # try, by which the chats recognise it.
                event = BusEvent(self._origin, self._number + 1, slug, kind, body)
                try:
                    self._client.xadd(
                        STREAM, {FIELD: encode([event])}, maxlen=LONGEST, approximate=True
                    )
                except RedisError:
                    self._unsent.appendleft(change)
                    raise
                self._number += 1

    def _publish_later(self) -> None:
        while not self._stop.is_set():
            self._something.wait()
            self._something.clear()
            while self._unsent and not self._stop.wait(RETRY):
                try:
                    self._publish_unsent()
                except RedisError as error:
                    log.debug("the chats still wait to hear what changed: %s", error)
