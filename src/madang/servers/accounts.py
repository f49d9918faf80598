"""Accounts of requests by session cookie or API token, remembered for seconds."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from django.http import parse_cookie

from madang.infra.clock import Clock
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.servers.http.exchange import Exchange

REMEMBERED_SECONDS: Final = 5.0
"""Seconds for which an answer of the database holds."""

ABSENT_SECONDS: Final = 1.0
"""The same where there is no such row: that of a recording is written while it begins."""

STALE_SECONDS: Final = 600.0
"""Seconds for which the last answer holds while the database does not answer: nobody can change
anything there meanwhile, and whoever is at work goes on."""

MAX_REMEMBERED: Final = 4096
"""Answers that are remembered."""

TOKEN_LENGTH: Final = 200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """An account that asks."""

    id: int
    administrator: bool


@dataclass(frozen=True, slots=True)
class AccountQueries:
    """Queries for accounts by session key and by token; they run on database threads."""

    by_session: Callable[[str], Account | None]
    by_token: Callable[[str], Account | None]


class Accounts:
    """Finds the accounts of requests; for one event loop."""

    def __init__(
        self,
        queries: AccountQueries,
        session_cookie: str,
        database: DatabaseThreads,
        clock: Clock,
    ) -> None:
        self._by = queries
        self._cookie = session_cookie
        self._known: Remembered[Account | None] = Remembered(database, clock)

    async def of(self, exchange: Exchange) -> Account | None:
        """Return the account of a request, None for one without. Raises DatabaseAway."""
        scheme, _, token = exchange.header("authorization").partition(" ")
        if scheme.lower() == "bearer":
            token = token.strip()
            if not 0 < len(token) <= TOKEN_LENGTH:
                return None
            return await self._known.get(f"token {token}", partial(self._by.by_token, token))
        key = parse_cookie(exchange.header("cookie")).get(self._cookie, "")
        if not 0 < len(key) <= TOKEN_LENGTH:
            return None
        return await self._known.get(f"session {key}", partial(self._by.by_session, key))


class Remembered(Generic[T]):
    """Answers of queries by key. Equal queries at the same time are one."""

    def __init__(self, database: DatabaseThreads, clock: Clock) -> None:
        self._database = database
        self._now = clock.monotonic
        self._known: OrderedDict[str, tuple[float, float, T]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[T]] = {}

    async def get(self, key: str, query: Callable[[], T]) -> T:
        """Return the answer that is remembered, or that of `query`. Raises DatabaseAway."""
        known = self._known.get(key)
        if known is not None and self._now() < known[0]:
            return known[2]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, query))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)

    async def _ask(self, key: str, query: Callable[[], T]) -> T:
        asked_at = since = self._now()
        try:
            answer = await self._database.run(query)
        except DatabaseAway:
            known = self._known.get(key)
            if known is None or self._now() > known[1] + STALE_SECONDS:
                raise
            _, asked_at, answer = known
            since = self._now()
        holds = ABSENT_SECONDS if answer is None else REMEMBERED_SECONDS
        self._known[key] = (since + holds, asked_at, answer)
        self._known.move_to_end(key)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return answer
