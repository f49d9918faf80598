"""A short-lived cache of the public data of channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from madang.apps.channels import services as channels
from madang.apps.channels.services import ChannelCard
from madang.infra.database import DatabaseThreads


@dataclass(frozen=True, slots=True)
class CardLimits:
    """Seconds for which a card is not looked up again (`age`): waiting pages ask every two. Cards
    remembered (`known`): anybody may ask for any name."""

    age: float = 5.0
    known: int = 10_000


DEFAULT_LIMITS: Final = CardLimits()


class ChannelCards:
    """Looks up the cards of channels in the database."""

    def __init__(
        self,
        database: DatabaseThreads,
        now: Callable[[], float],
        limits: CardLimits = DEFAULT_LIMITS,
    ) -> None:
        self._database = database
        self._now = now
        self._limits = limits
        self._known: dict[str, tuple[float, ChannelCard | None]] = {}

    async def find(self, slug: str) -> ChannelCard | None:
        """Return the card of a channel, None where there is no such. Raises DatabaseAway."""
        known = self._known.get(slug)
        now = self._now()
        if known is None or known[0] < now:
            card = await self._database.run(lambda: channels.find(slug))
            if len(self._known) >= self._limits.known:
                self._known.clear()
            known = self._known[slug] = (now + self._limits.age, card)
        return known[1]

    def forget(self, slug: str) -> None:
        """Look the card up again when it is asked for."""
        self._known.pop(slug, None)
