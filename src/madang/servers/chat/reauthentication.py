"""Whether people in the chat still are who they were let in as: tokens are revoked, passwords
changed, accounts closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from madang.chat.errors import SignedOut
from madang.chat.model import Account
from madang.infra.database import DatabaseAway
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.hub import ChatHub
from madang.wire.chat import CloseReason

TOKENS_EVERY: Final = 2.0
"""Seconds between two looks at the tokens that were shown here, in one query: a command beside the
station (`madang token revoke`) has nobody whom it could tell."""

AGAIN: Final = 5.0
"""Seconds between two tries while the database is away."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody was let in with: the key of a session, or the id of a token."""

    kind: Literal["session", "token"]
    key: str


@dataclass(frozen=True, slots=True)
class Identities:
    """How the control plane knows people; all are called on its threads.

    `by_token` also gives the token's id, by which `in_force` finds the accounts of those that have
    not been revoked.
    """

    by_session: Callable[[str], Account | None]
    by_token: Callable[[str], tuple[str, Account] | None]
    in_force: Callable[[Collection[str]], Mapping[str, Account]]


class Reauthentication:
    """Looks at people again, and cuts off those whose sign-in has ended."""

    def __init__(self, hub: ChatHub, who: Identities) -> None:
        self._hub = hub
        self._who = who
        hub.person_changed = self.person_changed

    def start(self) -> None:
        """Begin on the running event loop."""
        self._hub.spawn(self._watch_tokens())

    def person_changed(self, account: int) -> None:
        """Look at everybody here who has this account."""
        self._hub.spawn(self._look(account))

    async def _look(self, account: int) -> None:
        for connection in [
            one
            for one in self._hub.connections
            if one.account is not None and one.account.id == account
        ]:
            try:
                self._settle(connection, await self._holder(connection.credential))
            except DatabaseAway:
                self._hub.loop.call_later(AGAIN, self.person_changed, account)
                return

    async def _holder(self, credential: Credential | None) -> Account | None:
        """Raises DatabaseAway."""
        if credential is None:
            return None
        key = credential.key
        if credential.kind == "session":
            return await self._hub.database.run(partial(self._who.by_session, key))
        return (await self._hub.database.run(partial(self._who.in_force, [key]))).get(key)

    async def _watch_tokens(self) -> None:
        while True:
            await asyncio.sleep(TOKENS_EVERY)
            shown = [
                (connection, credential.key)
                for connection in self._hub.connections
                if (credential := connection.credential) is not None and credential.kind == "token"
            ]
            if not shown:
                continue
            look = partial(self._who.in_force, {key for _, key in shown})
            try:
                holders = await self._hub.database.run(look)
            except DatabaseAway:
                continue
            for connection, key in shown:
                self._settle(connection, holders.get(key))

    def _settle(self, connection: ChatConnection, account: Account | None) -> None:
        if connection.closed:
            return
        if account is None:
            connection.tell(SignedOut())
            connection.end(CloseReason.SIGNED_OUT)
        elif account != connection.account and connection.room is not None:
            connection.room.is_now(connection, account)
