"""Live status of channels shared between processes through Redis.

Each live process writes its status once a second, with an expiry. Processes with pages read it, and
send requests to live processes as messages.
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
"""Sorted set of live processes' names by the time of their last status, in seconds since 1970."""

NEWS: Final = "madang:live:news:"
"""Prefix of a process's status: its live channels, as JSON."""

MESSAGES: Final = "madang:live:messages"
"""Channel of messages to live processes."""

NEWS_SECONDS: Final = 5.0
"""Expiry of a status: a process that died is off the air after that."""

REFRESH: Final = 1.0
"""Seconds between two reads, equal to the interval of writes."""

STALE_SECONDS: Final = 120.0
"""Seconds for which the last status is used without Redis. Shows go on while it is away, so the old
status is right more often than an empty one."""

MAX_UNSENT: Final = 1_000
"""Messages queued while Redis is away; there are a few an hour."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DirectoryMessage:
    """Message to the live process called `to`, or to all.

    `changed`: title or description of the channel changed. `disconnect`: disconnect its publisher
    with the `reason`. `taken`: another process has taken the channel over.
    """

    kind: Literal["changed", "disconnect", "taken"]
    slug: str
    reason: str = ""
    to: str = ""


def encode(what: DirectoryMessage | list[LiveStatus]) -> bytes:
    """Return a message, or the status of one process, as JSON."""
    return msgspec.json.encode(what)


def decode_message(data: bytes | str) -> DirectoryMessage:
    """Parse a message. Raises msgspec.DecodeError."""
    return msgspec.json.decode(data, type=DirectoryMessage)


def decode_news(data: bytes | str) -> list[LiveStatus]:
    """Parse the status of one process. Raises msgspec.DecodeError."""
    return msgspec.json.decode(data, type=list[LiveStatus])


class RedisDirectory:
    """Directory of a process without a data plane, at most a second old.

    `start` follows changes in a thread; a command that reads once calls `refresh`.
    """

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._snapshot: Mapping[str, LiveStatus] = MappingProxyType({})
        self._refreshed_at = time.monotonic()
        self._unsent: deque[DirectoryMessage] = deque(maxlen=MAX_UNSENT)
        self._sending = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="directory", daemon=True)

    def start(self) -> None:
        """Read the status periodically until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread and close the client."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2 * REFRESH)
        self._client.close()

    def refresh(self) -> None:
        """Read the status of all processes. Raises RedisError."""
        since = time.time() - NEWS_SECONDS
        client: Any = self._client  # its types declare every answer as possibly awaitable
        names: list[bytes] = client.zrangebyscore(PROCESSES, since, "+inf")
        found: dict[str, LiveStatus] = {}
        for data in client.mget([NEWS + name.decode() for name in names]) if names else []:
            try:
                news = decode_news(data) if data is not None else []
            except msgspec.DecodeError as error:
                # Another version of the program, during a release.
                log.warning("the news of a live process cannot be read: %s", error)
                continue
            # During a move both processes may report the channel: the later show wins.
            for status in news:
                if status.slug not in found or found[status.slug].since < status.since:
                    found[status.slug] = status
        self._snapshot = MappingProxyType(found)
        self._refreshed_at = time.monotonic()

    # --- the port ---

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Return the live channels, by slug."""
        return self._snapshot

    def channel_changed(self, slug: str) -> None:
        """Notify viewers of a change of the channel's title, description or language."""
        self._send(DirectoryMessage("changed", slug))

    def disconnect(self, slug: str, reason: str) -> None:
        """Disconnect the channel's publisher, with a reason for the encoder."""
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
                if time.monotonic() - self._refreshed_at > STALE_SECONDS:
                    self._snapshot = MappingProxyType({})
            self._stop.wait(REFRESH)
