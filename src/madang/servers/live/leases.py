"""Leases of channels: of several processes one at a time takes in a channel.

A lease that is not renewed ends by itself, so that a channel of a machine that died is free again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from madang.base.errors import MadangError

LEASE_SECONDS: Final = 15.0
"""Seconds that a lease lasts without renewal: a few missed renewals, less than a grace period."""

OnLost = Callable[[str], None]
"""Called on the event loop with the slug of a channel that another process has acquired."""


class LeasesAway(MadangError):
    """The register does not answer: another process may have the channel."""


class Leases(Protocol):
    """The leases, as one process sees them."""

    async def acquire(self, slug: str, *, ours: bool = False) -> None:
        """Acquire a channel, if need be from another process, whose `OnLost` is called.

        `ours` says that this process has it on the air. Raises LeasesAway.
        """

    async def release(self, slug: str) -> None:
        """Release a channel, unless another process has acquired it."""

    async def renew(self, slugs: Collection[str]) -> None:
        """Renew the leases of `slugs`; `OnLost` is called for those that others have acquired.

        Raises LeasesAway.
        """

    async def held_by_others(self) -> set[str]:
        """Return the channels of other processes. Raises LeasesAway."""


def ignore(slug: str) -> None:
    """Do nothing about a lost lease: for a process that is alone."""


class MemoryLeases:
    """Leases in memory, for those in this process that share `owners`; mostly one."""

    def __init__(
        self, owners: dict[str, MemoryLeases] | None = None, on_lost: OnLost = ignore
    ) -> None:
        self._owners = {} if owners is None else owners
        self.on_lost = on_lost

    async def acquire(self, slug: str, *, ours: bool = False) -> None:
        """Acquire a channel."""
        earlier, self._owners[slug] = self._owners.get(slug), self
        if earlier is not None and earlier is not self:
            earlier.on_lost(slug)

    async def release(self, slug: str) -> None:
        """Release a channel."""
        if self._owners.get(slug) is self:
            del self._owners[slug]

    async def renew(self, slugs: Collection[str]) -> None:
        """Renew leases."""
        for slug in slugs:
            if self._owners.setdefault(slug, self) is not self:
                self.on_lost(slug)

    async def held_by_others(self) -> set[str]:
        """Return the channels of others."""
        return {slug for slug, owner in self._owners.items() if owner is not self}
