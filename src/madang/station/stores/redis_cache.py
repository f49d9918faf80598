"""Django caches in Redis that go on while Redis is away."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

REST: Final = 2.0
"""Seconds for which Redis is not asked again after it failed: a server that hangs costs each
request its time limit otherwise."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class JsonSerializer:
    """Values as JSON. Django's own way, pickle, would let whoever can write to Redis run code here.

    Whole numbers stand as such, which lets Redis count.
    """

    def dumps(self, value: object) -> int | bytes:
        """Serialise a value that JSON can represent."""
        return value if type(value) is int else json.dumps(value).encode()

    def loads(self, data: bytes) -> Any:
        """Return the value; tuples come back as lists."""
        return json.loads(data)


class _Guarded(BaseCache):
    """A Redis cache with a circuit breaker; subclasses choose the fallback."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._redis = RedisCache(server, params)
        self._rest_until = 0.0

    def _try(self, act: Callable[[BaseCache], T], otherwise: Callable[[], T]) -> T:
        if time.monotonic() < self._rest_until:
            return otherwise()
        try:
            return act(self._redis)
        except RedisError as error:
            self._rest_until = time.monotonic() + REST
            log.warning("Redis does not answer (%s); going on without it", error)
            return otherwise()


class SharedCache(_Guarded):
    """Counts of tries and other short-lived facts. While Redis is away each process counts for
    itself, so that guessing passwords stays slow."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._own = LocMemCache(f"while {server} is away", {**params, "OPTIONS": {}})

    def _either(self, act: Callable[[BaseCache], T]) -> T:
        return self._try(act, lambda: act(self._own))

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Set unless it is there; return whether it was set."""
        return self._either(lambda cache: cache.add(key, value, timeout, version))

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or `default`."""
        return self._either(lambda cache: cache.get(key, default, version))

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep a value for `timeout` seconds."""
        self._either(lambda cache: cache.set(key, value, timeout, version))

    def touch(self, key: str, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Keep it for `timeout` seconds from now; return whether it is there."""
        return self._either(lambda cache: cache.touch(key, timeout, version))

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget it; return whether it was there."""
        return self._either(lambda cache: cache.delete(key, version))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Count, at once for all processes. Raises ValueError where it is not there."""
        return self._either(lambda cache: cache.incr(key, delta, version))

    def clear(self) -> None:
        """Forget everything."""
        self._own.clear()
        self._either(lambda cache: cache.clear())


class SessionCache(_Guarded):
    """Copies of sessions, whose originals are in the database: without Redis they come from there.

    Forgetting one must not fail silently: a session that was ended would be back with Redis.
    """

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """Return the copy, or `default`."""
        return self._try(lambda cache: cache.get(key, default, version), lambda: default)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Keep a copy for `timeout` seconds."""
        self._try(lambda cache: cache.set(key, value, timeout, version), lambda: None)

    def delete(self, key: str, version: int | None = None) -> bool:
        """Forget the copy. Raises RedisError."""
        return self._redis.delete(key, version)

    def clear(self) -> None:
        """Forget every copy."""
        self._redis.clear()
