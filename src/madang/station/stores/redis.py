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
    asked = client(url)
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
