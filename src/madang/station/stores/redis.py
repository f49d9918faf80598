"""Redis: clients and their limits. Loads the driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncioRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from madang.base.errors import MadangError
from madang.station.config.fields import masked_url

if TYPE_CHECKING:
    from madang.apps.chat.rpc_client import ChatRpcClient

OLDEST: Final = (6, 2)
"""`SET … GET` together with `PX`, which moves a lease from one process to another."""

LIMITS: Final[dict[str, Any]] = {
    # Redis answers in less than a millisecond. One that needs a second is in trouble.
    "socket_timeout": 1.0,
    "socket_connect_timeout": 1.0,
    # Connections from before a restart of Redis fail once each; a second try makes a new one.
    "retry": Retry(NoBackoff(), 1),
    "health_check_interval": 30,
}
"""Timeouts in seconds, and retries."""


def client(url: str) -> redis.Redis:
    """Return a client for threads. It connects when it is first used."""
    return redis.Redis.from_url(url, **LIMITS)


def asyncio_client(url: str) -> redis.asyncio.Redis:
    """Return a client for the event loop. It connects when it is first used."""
    return redis.asyncio.Redis.from_url(url, **{**LIMITS, "retry": AsyncioRetry(NoBackoff(), 1)})


def chats(url: str) -> ChatRpcClient:
    """Return a client of the chats, for a process that runs none."""
    from madang.apps.chat.rpc_client import PATIENCE, ChatRpcClient

    longer = {**LIMITS, "socket_timeout": PATIENCE + LIMITS["socket_timeout"]}
    return ChatRpcClient(client(url), redis.Redis.from_url(url, **longer))


class NoRedis(MadangError):
    """Redis cannot be reached, or is not one that the station can use."""


class RedisRefuses(MadangError):
    """Redis answers, but takes no writes."""


PROBE_KEY: Final = "madang:probe"


def require_writable(asked: redis.Redis) -> None:
    """Write a key that expires at once. Raises NoRedis or RedisRefuses with the reason."""
    try:
        asked.set(PROBE_KEY, 1, px=1000)
    except redis.OutOfMemoryError:
        raise RedisRefuses(
            "Redis is out of memory and takes no writes.",
            mend="Raise maxmemory in its configuration; INFO memory shows what it uses.",
        ) from None
    except (redis.ResponseError, redis.ReadOnlyError) as error:
        saving = str(error).startswith("MISCONF")
        raise RedisRefuses(
            "Redis could not save to its disk and takes no writes."
            if saving
            else f"Redis takes no writes: {str(error).rstrip('.')}.",
            mend="Free space on its disk; then: redis-cli BGSAVE. Redis needs to save nothing for "
            'the station: save "", appendonly no.'
            if saving
            else "Check redis.url: it must be a server that takes writes.",
        ) from None
    except (redis.RedisError, OSError) as error:
        raise NoRedis(
            f"Redis does not answer: {str(error).rstrip('.')}.",
            mend="Check redis.url, and that Redis runs.",
        ) from None


def require_room(asked: redis.Redis) -> None:
    """Check memory and eviction. Raises RedisRefuses where keys are or will soon be lost."""
    try:
        memory = asked.info("memory")
    except redis.RedisError as error:
        raise RedisRefuses(f"Redis does not tell how it is: {error}.") from error
    used, limit, policy = (
        memory[name] for name in ("used_memory", "maxmemory", "maxmemory_policy")
    )
    if limit and used > limit * MEMORY_SHARE:
        raise RedisRefuses(
            f"Redis uses {used / 1e6:.0f} MB of its {limit / 1e6:.0f} MB.",
            mend="Raise maxmemory in its configuration: what is full takes no writes.",
        )
    if limit and policy != "noeviction":
        raise RedisRefuses(
            f"Redis drops keys when it is full (maxmemory-policy {policy}), those of running shows "
            "as well.",
            mend="Set maxmemory-policy noeviction in its configuration, and restart it.",
        )


MEMORY_SHARE: Final = 0.8
"""Part of maxmemory above which an operator is told."""


def django_caches(url: str) -> dict[str, dict[str, Any]]:
    """Return Django's CACHES for `url`. See `madang.station.stores.redis_cache`."""

    def cache(name: str, prefix: str) -> dict[str, Any]:
        return {
            "BACKEND": f"madang.station.stores.redis_cache.{name}",
            "LOCATION": url,
            "KEY_PREFIX": f"madang:{prefix}",
            "OPTIONS": {"serializer": "madang.station.stores.redis_cache.JsonSerializer", **LIMITS},
        }

    return {"default": cache("SharedCache", "cache"), "sessions": cache("SessionCache", "session")}


def probe(url: str) -> str:
    """Connect once and return the server's version. Raises NoRedis with the reason."""
    # Without the client's own PING, which a Redis that could not save refuses.
    asked = redis.Redis.from_url(url, **{**LIMITS, "health_check_interval": 0})
    try:
        version = str(asked.info("server")["redis_version"])
    except (redis.RedisError, OSError) as error:
        raise NoRedis(
            f"Redis at {masked_url(url)} cannot be reached: {str(error).rstrip('.')}.",
            mend="Check redis.url, and that Redis runs.",
        ) from None
    finally:
        asked.close()
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise NoRedis(
            f"Redis {version} is too old.",
            mend=f"Version {OLDEST[0]}.{OLDEST[1]} or newer is needed.",
        )
    return version
