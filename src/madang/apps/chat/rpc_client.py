"""The chats, for a process that runs none: pages ask the processes that do, through Redis.

What changed in the database is told through the stream of notes. What somebody wants done is laid
into a list, from which exactly one process takes it, and the answer comes back in a list of its
own. How many are in each chat, every process writes down every few seconds.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
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

REQUESTS: Final = "madang:chat:wishes"
"""List of what is to be done, each a `RpcRequest` as JSON, the oldest first."""

RESPONSE: Final = "madang:chat:answer:"
"""With the wish's id: a list of one `RpcResponse` as JSON."""

PROCESSES: Final = "madang:chat:processes"
"""Sorted set of the processes that serve chats, by the time of their last count."""

COUNTS: Final = "madang:chat:counts:"
"""With a process's name: its connections by channel, as JSON."""

COUNT_SECONDS: Final = 10.0
"""How long a count is believed: a process that died has no connections after that."""

PATIENCE: Final = 5
"""Seconds that a person waits for an answer; chats answer in milliseconds."""

FORGOTTEN: Final = 10
"""Seconds after which Redis forgets answers and wishes that nobody has taken."""

LOOK: Final = 1.0
"""Seconds for which connections that were counted are not looked up again."""

AGAIN: Final = 1.0
"""Seconds between two tries to tell what changed, while Redis is away."""

UNSENT: Final = 1000
"""Changes that wait for Redis; there are a few an hour."""

log = logging.getLogger(__name__)


class RpcRequest(msgspec.Struct, frozen=True):
    """Something that `account` wants done in the chat of `slug`, with words in `language`."""

    id: str
    kind: Literal["moderate", "say"]
    slug: str
    account: Account
    request: dict[str, Any]
    language: str = "en"


class RpcResponse(msgspec.Struct, frozen=True):
    """What became of a wish: an acknowledgement, or what refused it.

    `error` is a code of `ChatRefused`, or `unknown_channel`; `words` are in the wish's language.
    """

    answer: dict[str, Any] | None = None
    error: str = ""
    words: str = ""
    retry_after: float | None = None


def decode_request(data: bytes) -> RpcRequest:
    """A wish again. Raises msgspec.DecodeError for what is none."""
    return msgspec.json.decode(data, type=RpcRequest)


def encode_response(response: RpcResponse) -> bytes:
    """What became of a wish, as it lies in Redis."""
    return msgspec.json.encode(response)


class ChatRpcClient:
    """`madang.apps.chat.ports.Chats` for a process without chats. `close` after `start`.

    `waiting` is a client whose answers may take `PATIENCE` and more, `client` one for all else.
    """

    def __init__(self, client: Redis, waiting: Redis) -> None:
        self._client: Any = client  # their types say that every answer may be awaitable
        self._waiting: Any = waiting
        self._origin = f"pages-{os.getpid()}-{time.time_ns():x}"
        self._number = 0
        self._unsent: deque[tuple[str, str, Any]] = deque(maxlen=UNSENT)
        self._sending = threading.Lock()
        self._counting = threading.Lock()
        self._counted: tuple[float, Mapping[str, int]] = (-LOOK, {})
        self._something = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._tell_later, name="chats", daemon=True)

    def start(self) -> None:
        """Keep trying to tell what Redis did not take, until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Tell nothing more."""
        self._stop.set()
        self._something.set()
        if self._thread.is_alive():
            self._thread.join(2 * AGAIN)
        self._client.close()
        self._waiting.close()

    # --- the port ---

    def changed(self, slug: str) -> None:
        """Settings, moderators or emotes of a chat changed in the database; empty: of all."""
        self._say(slug, "refresh", {})

    def person_changed(self, account: int) -> None:
        """What the account with this key may, or what speaks for it, changed in the database."""
        self._say("", "person", {"account": account})

    def _say(self, slug: str, kind: str, body: Any) -> None:
        self._unsent.append((slug, kind, body))
        try:
            self._tell()
        except RedisError as error:
            log.warning("the chats hear later that something changed: %s", error)
            self._something.set()

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a moderator asks. Raises ChatRefused, NoSuchChannel."""
        return self._ask("moderate", slug, account, request)

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message. Raises ChatRefused, NoSuchChannel."""
        return self._ask("say", slug, account, request)

    def connections(self) -> Mapping[str, int]:
        """Connections by channel; as last counted while Redis is away."""
        with self._counting:
            at, known = self._counted
            if time.monotonic() - at >= LOOK:
                try:
                    known = self.count()
                except RedisError as error:
                    log.warning("the chats cannot be counted: %s", error)
                self._counted = (time.monotonic(), known)
        return known

    def count(self) -> Mapping[str, int]:
        """Connections by channel now. Raises RedisError."""
        since = time.time() - COUNT_SECONDS
        names: list[bytes] = self._client.zrangebyscore(PROCESSES, since, "+inf")
        found: Counter[str] = Counter()
        for data in self._client.mget([COUNTS + name.decode() for name in names]) if names else []:
            if data is not None:
                found.update(msgspec.json.decode(data, type=dict[str, int]))
        return found

    # --- inside ---

    def _ask(
        self, kind: Literal["moderate", "say"], slug: str, account: Account, request: Any
    ) -> dict[str, Any]:
        request_ = RpcRequest(
            secrets.token_hex(8), kind, slug, account, dict(request), get_language() or "en"
        )
        laid = msgspec.json.encode(request_)
        try:
            pipe = self._client.pipeline()
            pipe.rpush(REQUESTS, laid)
            pipe.expire(REQUESTS, FORGOTTEN)
            pipe.execute()
            found = self._waiting.blpop([RESPONSE + request_.id], timeout=PATIENCE)
            if found is None:
                # Nobody may do it later, when the person has long been told that it failed.
                self._client.lrem(REQUESTS, 1, laid)
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

    def _tell(self) -> None:
        with self._sending:
            while self._unsent:
                slug, kind, body = said = self._unsent.popleft()
                # One that went out although Redis seemed away has the number of its second try,
                # by which the chats know it.
                note = BusEvent(self._origin, self._number + 1, slug, kind, body)
                try:
                    self._client.xadd(
                        STREAM, {FIELD: encode([note])}, maxlen=LONGEST, approximate=True
                    )
                except RedisError:
                    self._unsent.appendleft(said)
                    raise
                self._number += 1

    def _tell_later(self) -> None:
        while not self._stop.is_set():
            self._something.wait()
            self._something.clear()
            while self._unsent and not self._stop.wait(AGAIN):
                try:
                    self._tell()
                except RedisError as error:
                    log.debug("the chats still wait to hear what changed: %s", error)
