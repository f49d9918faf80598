"""What the control plane asks of the chats that run in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

from madang.chat.errors import ChatAway, ChatRefused, ChatWithoutDatabase
from madang.chat.model import Account
from madang.infra.database import DatabaseAway
from madang.servers.chat.dispatcher import Answer, Dispatcher
from madang.servers.chat.hub import ChatHub

PATIENCE: Final = 10.0
"""Seconds that a thread waits for the event loop."""

Kind = Literal["moderate", "say"]


class ChatService:
    """The chats as the control plane's threads ask them (`madang.apps.chat.ports.Chats`), and as
    the processes for pages do (`madang.servers.chat.rpc_server`)."""

    def __init__(self, hub: ChatHub, dispatcher: Dispatcher) -> None:
        self._hub = hub
        self._dispatcher = dispatcher

    async def do(
        self, kind: Kind, slug: str, account: Account, request: Mapping[str, Any]
    ) -> Answer:
        """Do what an account asks, on the event loop. Raises ChatRefused, NoSuchChannel."""
        act = self._dispatcher.moderate if kind == "moderate" else self._dispatcher.say
        try:
            return act(await self._hub.room(slug), account, request)
        except ChatRefused as error:
            self._hub.counters.refused[error.code] += 1
            raise
        except DatabaseAway as error:
            self._hub.counters.refused["unavailable"] += 1
            raise ChatWithoutDatabase from error

    # --- from any thread ---

    def changed(self, slug: str) -> None:
        """Have every process take over what changed in the database."""
        self._hub.later(lambda: self._hub.changed(slug))

    def person_changed(self, account: int) -> None:
        """Have every process look again at the people who have this account."""
        self._hub.later(lambda: self._hub.publish("", "person", {"account": account}))

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> Answer:
        """Do what a moderator asks. Raises ChatRefused, NoSuchChannel."""
        return self._from_thread(lambda: self.do("moderate", slug, account, request))

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> Answer:
        """Send a message. Raises ChatRefused, NoSuchChannel."""
        return self._from_thread(lambda: self.do("say", slug, account, request))

    def connections(self) -> Mapping[str, int]:
        """Connections by channel."""
        return self._hub.by_channel()

    def _from_thread(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        async def run() -> Answer:
            return await ask()

        asked = asyncio.run_coroutine_threadsafe(run(), self._hub.loop)
        try:
            return asked.result(timeout=PATIENCE)
        except TimeoutError:
            asked.cancel()
            raise ChatAway from None
