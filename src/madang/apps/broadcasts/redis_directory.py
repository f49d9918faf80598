"""What is on the air, told from process to process through Redis.

Each live process writes its news once a second; they end by themselves when it does. Whoever shows
pages reads them, and what the pages want of a live process goes the other way as a message.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from redis import Redis
from redis.exceptions import RedisError

from madang.apps.broadcasts.ports import LiveStatus

PROCESSES: Final = "madang:live:processes"
"""Sorted set of the live processes' names by the time of their last news, seconds since 1970."""

NEWS: Final = "madang:live:news:"
"""With a process's name: its channels on the air, as JSON."""

MESSAGES: Final = "madang:live:messages"
"""The channel of messages to live processes."""

NEWS_SECONDS: Final = 5.0
"""How long news count: a process that died is off the air after that."""

REFRESH: Final = 1.0
"""Seconds between two looks, as often as there are news."""

KEPT_SECONDS: Final = 120.0
"""Without Redis the last news go on counting for so long: shows go on while it is away, and a page
that says so is right more often than one that says nobody is on the air."""

UNSENT: Final = 1_000
"""Messages kept while Redis is away; there are a few an hour."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DirectoryMessage:
    """To the live process called `to`, or to every one.

    `changed`: the channel's title or description did. `disconnect`: send its publisher away, who
    is told the `reason`. `taken`: another process has the channel now.
    """

    kind: Literal["changed", "disconnect", "taken"]
    slug: str
    reason: str = ""
    to: str = ""


def encode(what: DirectoryMessage | list[LiveStatus]) -> bytes:
    """A message, or the news of one process, as JSON."""
    return msgspec.json.encode(what)


def decode_message(data: bytes | str) -> DirectoryMessage:
    """A message again. Raises msgspec.DecodeError for what is none."""
    return msgspec.json.decode(data, type=DirectoryMessage)


def decode_news(data: bytes | str) -> list[LiveStatus]:
    """The news of one process again. Raises msgspec.DecodeError for what are none."""
    return msgspec.json.decode(data, type=list[LiveStatus])


class RedisDirectory:
    """The directory of a process without a data plane of its own, as of the last second.

    `start` lets it follow the news; a command that looks once calls `refresh`.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._snapshot: Mapping[str, LiveStatus] = MappingProxyType({})
        self._heard_at = time.monotonic()
        self._unsent: deque[DirectoryMessage] = deque(maxlen=UNSENT)
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="directory", daemon=True)

    def start(self) -> None:
        """Follow the news until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Follow no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * REFRESH)
        self._client.close()

    def refresh(self) -> None:
        """Read the news. Raises RedisError."""
        since = time.time() - NEWS_SECONDS
        client: Any = self._client  # its types say that every answer may be awaitable
        names: list[bytes] = client.zrangebyscore(PROCESSES, since, "+inf")
        found: dict[str, LiveStatus] = {}
        for data in client.mget([NEWS + name.decode() for name in names]) if names else []:
            try:
                news = decode_news(data) if data is not None else []
            except msgspec.DecodeError as error:
                # Another version of the program, in the middle of a release.
                log.warning("the news of a live process cannot be read: %s", error)
                continue
            # Of a channel that moves from one process to another both may tell: the later show.
            for status in news:
                if status.slug not in found or found[status.slug].since < status.since:
                    found[status.slug] = status
        self._snapshot = MappingProxyType(found)
        self._heard_at = time.monotonic()

    # --- the port ---

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Who is on the air, by slug."""
        return self._snapshot

    def channel_changed(self, slug: str) -> None:
        """The title, description or language of a channel changed: tell its viewers."""
        self._send(DirectoryMessage("changed", slug))

    def disconnect(self, slug: str, reason: str) -> None:
        """End the connection of the channel's publisher, telling the encoder why."""
        self._send(DirectoryMessage("disconnect", slug, reason))

    # --- inside ---

    def _send(self, message: DirectoryMessage) -> None:
        self._unsent.append(message)
        try:
            self._send_waiting()
        except RedisError as error:
            log.warning("a message to the live process waits for Redis: %s", error)

    def _send_waiting(self) -> None:
        with self._sending:
            while self._unsent:
                self._client.publish(MESSAGES, encode(self._unsent[0]))
                self._unsent.popleft()

    def _follow(self) -> None:
        away = False
        while not self._stop.is_set():
            try:
                self._send_waiting()
                self.refresh()
                away = False
            except RedisError as error:
                if not away:
                    log.warning("who is on the air cannot be looked up: %s", error)
                away = True
                if time.monotonic() - self._heard_at > KEPT_SECONDS:
                    self._snapshot = MappingProxyType({})
            self._stop.wait(REFRESH)
