"""Leases of channels in Redis. Loads the driver."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from madang.apps.broadcasts.redis_directory import MESSAGES, DirectoryMessage, encode
from madang.servers.live.leases import LEASE_SECONDS, LeasesAway, OnLost, ignore

PREFIX: Final = "madang:claim:"

log = logging.getLogger(__name__)

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

_RENEW: Final = """
local lost = {}
for i, key in ipairs(KEYS) do
    local owner = redis.call('GET', key)
    if owner == ARGV[1] or not owner then
        redis.call('SET', key, ARGV[1], 'PX', ARGV[2])
    else
        lost[#lost + 1] = key
    end
end
return lost
"""


class RedisLeases:
    """Leases in Redis, for all processes of the station.

    `name` is this process's and stays the same over its restarts, so that it finds its own leases
    again. A process that loses a channel is sent a message, which `madang.servers.live.cluster`
    receives. `lasting` is in seconds.
    """

    def __init__(
        self, client: Redis, name: str, on_lost: OnLost = ignore, lasting: float = LEASE_SECONDS
    ) -> None:
        self._client = client
        self._name = name
        self._lasting = round(lasting * 1000)
        self.on_lost = on_lost

    async def acquire(self, slug: str, *, ours: bool = False) -> None:
        """Acquire a channel; without Redis only one that is `ours` already. Raises LeasesAway."""
        try:
            earlier = await self._client.set(PREFIX + slug, self._name, px=self._lasting, get=True)
            if earlier is not None and (owner := _text(earlier)) != self._name:
                message = DirectoryMessage("taken", slug, to=owner)
                await self._client.publish(MESSAGES, encode(message))
        except RedisError as error:
            if not ours:
                raise LeasesAway(
                    "The station cannot check now who else sends to this channel.",
                    mend="Try again in a minute.",
                ) from error
            log.warning("channel %s: its lease could not be renewed: %s", slug, error)

    async def release(self, slug: str) -> None:
        """Release a channel; a lease that cannot be released ends by itself."""
        with contextlib.suppress(RedisError):
            await self._client.eval(_RELEASE, 1, PREFIX + slug, self._name)

    async def renew(self, slugs: Collection[str]) -> None:
        """Renew leases, also those that ended while Redis was away. Raises LeasesAway."""
        if not slugs:
            return
        keys = [PREFIX + slug for slug in slugs]
        try:
            lost = await self._client.eval(_RENEW, len(keys), *keys, self._name, str(self._lasting))
        except RedisError as error:
            raise LeasesAway(f"Leases cannot be renewed: {error}.") from error
        for key in lost:
            self.on_lost(_text(key).removeprefix(PREFIX))

    async def held_by_others(self) -> set[str]:
        """Return the channels of other processes. Raises LeasesAway."""
        try:
            keys = [_text(key) async for key in self._client.scan_iter(f"{PREFIX}*")]
            owners = await self._client.mget(keys) if keys else []
        except RedisError as error:
            raise LeasesAway(f"Leases cannot be read: {error}.") from error
        return {
            key.removeprefix(PREFIX)
            for key, owner in zip(keys, owners, strict=True)
            if owner is not None and _text(owner) != self._name
        }


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
