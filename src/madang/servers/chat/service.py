"""Requests of the control plane to the chats that run in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
    """`madang.apps.chat.ports.Chats` for threads of this process; `perform` for the RPC server."""

    def __init__(self, hub: ChatHub, dispatcher: Dispatcher) -> None:
        self._hub = hub
        self._dispatcher = dispatcher

    async def perform(
        self, kind: Kind, slug: str, account: Account, request: Mapping[str, Any]
    ) -> Answer:
        """Handle a request on the event loop. Raises ChatRefused, NoSuchChannel."""
        handle = self._dispatcher.moderate if kind == "moderate" else self._dispatcher.say
        try:
            return handle(await self._hub.room(slug), account, request)
        except ChatRefused as error:
            self._hub.counters.refused[error.code] += 1
            raise
        except DatabaseAway as error:
            self._hub.counters.refused["unavailable"] += 1
            raise ChatWithoutDatabase from error

    # --- from any thread ------------------------------------------------------------------------

    def changed(self, slug: str) -> None:
        """Have every process reload a chat."""
        self._hub.call_threadsafe(lambda: self._hub.changed(slug))

    def person_changed(self, account: int) -> None:
        """Have every process check the connections of an account."""
        self._hub.call_threadsafe(lambda: self._hub.publish("", "person", {"account": account}))

    def moderate(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Handle a moderation request. Raises ChatRefused, NoSuchChannel."""
        return self._run("moderate", slug, account, request)

    def say(self, slug: str, account: Account, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message. Raises ChatRefused, NoSuchChannel."""
        return self._run("say", slug, account, request)

    def connections(self) -> Mapping[str, int]:
        """Return connections by channel."""
        return self._hub.connected_by_channel()

    def _run(self, kind: Kind, slug: str, account: Account, request: Mapping[str, Any]) -> Answer:
        pending = asyncio.run_coroutine_threadsafe(
            self.perform(kind, slug, account, request), self._hub.loop
        )
        try:
            return pending.result(timeout=PATIENCE)
        except TimeoutError:
            pending.cancel()
            raise ChatAway from None
