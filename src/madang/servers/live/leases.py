"""Who takes in which channel, where several processes could: one at a time.

A claim that nobody renews ends by itself, so that a channel of a machine that died is free again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from madang.base.errors import MadangError

LEASE_SECONDS: Final = 15.0
"""Seconds that a claim lasts without renewal: a few missed renewals, less than a grace period."""

Lost = Callable[[str], None]
"""Hears of a channel that another process has taken. Called on the event loop."""


class LeasesAway(MadangError):
    """Nobody can say now whether another process has the channel."""


class Leases(Protocol):
    """The register, as one process sees it."""

    async def take(self, slug: str, *, ours: bool = False) -> None:
        """Take a channel, from another process if need be, which then hears that it lost it.

        `ours` says that this process has it on the air. Raises ClaimsAway.
        """

    async def give_back(self, slug: str) -> None:
        """Let go of a channel, unless another process has taken it."""

    async def renew(self, slugs: Collection[str]) -> None:
        """Go on having `slugs`; those that others have taken are lost. Raises ClaimsAway."""

    async def others(self) -> set[str]:
        """Channels that other processes have. Raises ClaimsAway."""


def nobody_hears(slug: str) -> None:
    """For a process that is alone."""


class MemoryLeases:
    """The register in memory, for those in this process that share `register`; mostly one."""

    def __init__(
        self, register: dict[str, MemoryLeases] | None = None, lost: Lost = nobody_hears
    ) -> None:
        self._register = {} if register is None else register
        self.lost = lost

    async def take(self, slug: str, *, ours: bool = False) -> None:
        """Take a channel."""
        earlier, self._register[slug] = self._register.get(slug), self
        if earlier is not None and earlier is not self:
            earlier.lost(slug)

    async def give_back(self, slug: str) -> None:
        """Let go of a channel."""
        if self._register.get(slug) is self:
            del self._register[slug]

    async def renew(self, slugs: Collection[str]) -> None:
        """Go on having channels."""
        for slug in slugs:
            if self._register.setdefault(slug, self) is not self:
                self.lost(slug)

    async def others(self) -> set[str]:
        """Channels that others have."""
        return {slug for slug, owner in self._register.items() if owner is not self}
