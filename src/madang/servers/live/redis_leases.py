"""The register of who takes in which channel, in Redis. Loads the driver."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from madang.apps.broadcasts.redis_directory import MESSAGES, DirectoryMessage, encode
from madang.servers.live.leases import LEASE_SECONDS, LeasesAway, Lost, nobody_hears

PREFIX: Final = "madang:claim:"

log = logging.getLogger(__name__)

_GIVE_BACK: Final = """
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
    """The register in Redis, for all processes of the station.

    `name` is this process's and stays the same over its restarts, so that it finds its own claims
    again. Who loses a channel is sent a message; `madang.servers.live.cluster` hears it.
    """

    def __init__(
        self, client: Redis, name: str, lost: Lost = nobody_hears, lasting: float = LEASE_SECONDS
    ) -> None:
        self._client = client
        self._name = name
        self._lasting = round(lasting * 1000)
        self.lost = lost

    async def take(self, slug: str, *, ours: bool = False) -> None:
        """Take a channel. Without Redis only one that is `ours` already. Raises ClaimsAway."""
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
            log.warning("channel %s: its claim could not be renewed: %s", slug, error)

    async def give_back(self, slug: str) -> None:
        """Let go of a channel; a claim that cannot be given back ends by itself."""
        with contextlib.suppress(RedisError):
            await self._client.eval(_GIVE_BACK, 1, PREFIX + slug, self._name)

    async def renew(self, slugs: Collection[str]) -> None:
        """Go on having channels, also those whose claim ended while Redis was away."""
        if not slugs:
            return
        keys = [PREFIX + slug for slug in slugs]
        try:
            lost = await self._client.eval(_RENEW, len(keys), *keys, self._name, str(self._lasting))
        except RedisError as error:
            raise LeasesAway(f"Claims cannot be renewed: {error}.") from error
        for key in lost:
            self.lost(_text(key).removeprefix(PREFIX))

    async def others(self) -> set[str]:
        """Channels that other processes have. Raises ClaimsAway."""
        try:
            keys = [_text(key) async for key in self._client.scan_iter(f"{PREFIX}*")]
            owners = await self._client.mget(keys) if keys else []
        except RedisError as error:
            raise LeasesAway(f"Claims cannot be read: {error}.") from error
        return {
            key.removeprefix(PREFIX)
            for key, owner in zip(keys, owners, strict=True)
            if owner is not None and _text(owner) != self._name
        }


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
