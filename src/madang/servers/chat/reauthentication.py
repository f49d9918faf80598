"""Checks that the credentials of connected people are still valid: tokens are revoked, passwords
changed, accounts closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Final

from madang.chat.errors import SignedOut
from madang.chat.model import Account
from madang.infra.database import DatabaseAway
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.hub import ChatHub
from madang.servers.chat.identities import Credential, Identities
from madang.wire.chat import CloseReason


@dataclass(frozen=True, slots=True)
class ReauthenticationTimes:
    """In seconds. `tokens`: between two checks of all tokens, in one query, as a command beside
    the station (`madang token revoke`) cannot notify it. `retry`: while the database is away."""

    tokens: float = 2.0
    retry: float = 5.0


DEFAULT_TIMES: Final = ReauthenticationTimes()


class Reauthentication:
    """Checks people again, and disconnects those whose credentials have ended."""

    def __init__(
        self, hub: ChatHub, identities: Identities, times: ReauthenticationTimes = DEFAULT_TIMES
    ) -> None:
        self._hub = hub
        self._identities = identities
        self._times = times
        hub.person_changed = self.person_changed

    def start(self) -> None:
        """Begin on the running event loop."""
        self._hub.tasks.spawn(self._check_tokens())

    def person_changed(self, account: int) -> None:
        """Check the connections of an account."""
        self._hub.tasks.spawn(self._check(account))

    async def _check(self, account: int) -> None:
        for connection in [
            each
            for each in self._hub.connections
            if each.account is not None and each.account.id == account
        ]:
            try:
                self._update(connection, await self._holder(connection.credential))
            except DatabaseAway:
                self._hub.loop.call_later(self._times.retry, self.person_changed, account)
                return

    async def _holder(self, credential: Credential | None) -> Account | None:
        """Raises DatabaseAway."""
        if credential is None:
            return None
        key, run = credential.key, self._hub.database.run
        if credential.kind == "session":
            return await run(partial(self._identities.by_session, key))
        return (await run(partial(self._identities.in_force, [key]))).get(key)

    async def _check_tokens(self) -> None:
        while True:
            await asyncio.sleep(self._times.tokens)
            shown = [
                (connection, credential.key)
                for connection in self._hub.connections
                if (credential := connection.credential) is not None and credential.kind == "token"
            ]
            if not shown:
                continue
            query = partial(self._identities.in_force, {key for _, key in shown})
            try:
                holders = await self._hub.database.run(query)
            except DatabaseAway:
                continue
            for connection, key in shown:
                self._update(connection, holders.get(key))

    def _update(self, connection: ChatConnection, account: Account | None) -> None:
        if connection.closed:
            return
        if account is None:
            connection.expel(SignedOut(), CloseReason.SIGNED_OUT)
        elif account != connection.account and connection.room is not None:
            connection.room.change_account(connection, account, self._hub.clock.wall())
