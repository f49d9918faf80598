"""`/socket.io/`: the WebSocket handshake of chat clients, and their joining a room.

Long polling is refused with an explanation; sockets are taken over from the HTTP server.
"""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from django.http import parse_cookie
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.errors import NoSuchChannel
from madang.apps.languages import language_for
from madang.base.addresses import Network, neighbourhood
from madang.chat import people
from madang.chat.errors import Banned, ChatRefused, ChatWithoutDatabase
from madang.chat.model import NAME_LENGTH, REACTIONS, TEXT_LENGTH, Account, Role
from madang.chat.rate_limits import Buckets, Rate
from madang.chat.room import Room
from madang.chat.state import Participant
from madang.infra.database import DatabaseAway
from madang.servers.chat.connection import ChatConnection
from madang.servers.chat.dispatcher import Dispatcher
from madang.servers.chat.hub import ChatHub
from madang.servers.chat.identities import Credential, Identities
from madang.servers.http.exchange import NO_STORE, Exchange, Headers
from madang.wire.chat import (
    ChatEvent,
    ChatSession,
    CloseReason,
    Emitted,
    JoinRequested,
    event_frame,
    list_frame,
)
from madang.wire.chat.packets import json_of

PATH: Final = "/socket.io/"
SEND_BUFFER: Final = 64 << 10
"""Bytes that the kernel may hold for one reader: a second of a very busy chat, and at most 100 MB
for a thousand readers that do not read."""

SLUG_LENGTH: Final = 40
TOKEN_LENGTH: Final = 200
DEVICE_LENGTH: Final = 64

_BAD_TRANSPORT: Final = 0
"""Engine.IO's code for an unknown transport."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HandshakeSettings:
    """Secrets and limits.

    `salt` hides guests' addresses. `origin` is the station's own; None takes it from Host.
    `connects` limits new connections of an address, `per_address` its open ones, `per_device` those
    of one browser, `connections` all open ones. Who is above the limit of an address is told so in
    words, and a tenth more are refused without; `retry` is in seconds.
    """

    salt: bytes
    origin: str | None
    session_cookie: str
    trusted_proxies: tuple[Network, ...]
    connects: Rate
    per_address: int
    connections: int
    per_device: int = 10
    retry: float = 30.0


class ChatHandshake:
    """Accepts connections, and lets their clients join rooms."""

    def __init__(
        self,
        hub: ChatHub,
        dispatcher: Dispatcher,
        settings: HandshakeSettings,
        identities: Identities,
    ) -> None:
        self._hub = hub
        self._dispatcher = dispatcher
        self._settings = settings
        self._identities = identities
        self._clock = hub.clock
        self._connects = Buckets(settings.connects)
        self._open: Counter[str] = Counter()
        self._open_by_device: Counter[str] = Counter()

    def __call__(self, exchange: Exchange) -> Any:
        """Answer an exchange below `/socket.io/`, or return a coroutine that does."""
        query = exchange.query()
        if not exchange.is_websocket:
            self._no_polling(exchange, query)
            return None
        if query.get("EIO") != "4":
            return self._refuse(exchange, 400, "engine")
        if self._hub.draining:
            return self._refuse(exchange, 503, "draining")
        address = neighbourhood(exchange.client_address(self._settings.trusted_proxies))
        wait = self._connects.take(address, self._clock.monotonic())
        if wait is not None:
            return self._refuse(exchange, 429, "connection_rate", wait)
        per_address, retry = self._settings.per_address, self._settings.retry
        if self._open[address] >= per_address + max(1, per_address // 10):
            return self._refuse(exchange, 429, "connections_per_address", retry)
        if len(self._hub.connections) >= self._settings.connections:
            return self._refuse(exchange, 503, "full")
        return self._accept(exchange, address)

    def _refuse(self, exchange: Exchange, status: int, reason: str, wait: float = 0.0) -> None:
        self._hub.counters.refused[reason] += 1
        exchange.refuse(status, "", [("retry-after", f"{math.ceil(wait)}")] if wait else [])

    def _no_polling(self, exchange: Exchange, query: Mapping[str, str]) -> None:
        self._hub.counters.refused["polling"] += 1
        words = (
            "This station speaks WebSocket only: connect with transports: ['websocket']."
            if query.get("transport", "polling") != "websocket"
            else "The request is no WebSocket handshake: does a proxy leave out Upgrade?"
        )
        body = msgspec.json.encode({"code": _BAD_TRANSPORT, "message": words})
        headers: Headers = [("content-type", "application/json"), NO_STORE]
        if origin := exchange.header("origin"):
            # Socket.IO sends credentials: a page can read the answer only with these.
            headers += [
                ("access-control-allow-origin", origin),
                ("access-control-allow-credentials", "true"),
                ("vary", "origin"),
            ]
        exchange.answer(400, headers, body)

    async def _accept(self, exchange: Exchange, address: str) -> None:
        cookies = parse_cookie(exchange.header("cookie"))
        language = language_for(cookies, exchange.header("accept-language"))
        own = self._own_origin(exchange)
        session_key = cookies.get(self._settings.session_cookie) or None if own else None
        try:
            taken = exchange.accept(SEND_BUFFER)
        except ConnectionError as error:
            log.debug("a chat client hung up in the handshake: %s", error)
            return
        self.connect(taken, address=address, language=language, session_key=session_key)

    def connect(
        self,
        taken: socket.socket,
        *,
        address: str,
        language: str,
        session_key: str | None,
    ) -> None:
        """Serve a client on a socket after its WebSocket handshake."""
        loop = asyncio.get_running_loop()
        session = ChatSession(sid=secrets.token_urlsafe(15), now=loop.time())

        def events(connection: ChatConnection, received: list[ChatEvent]) -> None:
            for event in received:
                match event:
                    case Emitted():
                        self._dispatcher.answer(connection, event)
                    case JoinRequested():
                        self._join(connection, event.auth, session_key)

        self._open[address] += 1
        self._hub.counters.connections += 1
        connection = ChatConnection(
            loop,
            taken,
            session,
            address=address,
            language=language,
            events=events,
            lost=self._lost,
        )
        if not connection.closed:
            self._hub.connections[connection] = None

    def _lost(self, connection: ChatConnection, ending: CloseReason) -> None:
        self._hub.connections.pop(connection, None)
        self._hub.counters.closed[ending.name.lower()] += 1
        self._hub.counters.missed += connection.dropped
        self._open[connection.address] -= 1
        if self._open[connection.address] <= 0:
            del self._open[connection.address]
        if connection.room is not None:
            connection.room.leave(connection, self._clock.monotonic())
            self._open_by_device[connection.device] -= 1
            if self._open_by_device[connection.device] <= 0:
                del self._open_by_device[connection.device]

    def _join(
        self, connection: ChatConnection, auth: Mapping[str, Any], session_key: str | None
    ) -> None:
        """Let a client join at once where no query is needed, else after the queries."""
        room = self._hub.rooms.get(str(auth.get("channel")))
        try:
            self._check_limits(connection, auth)
            if room is not None and session_key is None and auth.get("token") is None:
                self._enter(connection, room, None, auth)
                return
        except ChatRefused as error:
            self._reject(connection, error)
        else:
            self._hub.tasks.spawn(self._join_later(connection, auth, session_key))

    def _check_limits(self, connection: ChatConnection, auth: Mapping[str, Any]) -> None:
        """Raise ChatRefused for a connection too many of an address, or of a browser."""
        device = auth.get("device") or ""
        if not isinstance(device, str) or len(device) > DEVICE_LENGTH:
            raise _bad_auth()
        settings = self._settings
        if self._open[connection.address] > settings.per_address:
            words = _("Too many of your network are in chats here. You may read meanwhile.")
            raise ChatRefused("connections_per_address", words, retry_after=settings.retry)
        connection.device = f"{connection.address} {device}" if device else ""
        if device and self._open_by_device[connection.device] >= settings.per_device:
            words = format_lazy(
                _("Chats are open in {most} windows of this browser already: close one."),
                most=settings.per_device,
            )
            raise ChatRefused("connections_per_device", words, retry_after=settings.retry)

    async def _join_later(
        self, connection: ChatConnection, auth: Mapping[str, Any], session_key: str | None
    ) -> None:
        try:
            room, account, connection.credential = await self._authenticate(auth, session_key)
            if not connection.closed:
                self._enter(connection, room, account, auth)
        except ChatRefused as error:
            self._reject(connection, error)
        except Exception:
            log.exception("somebody could not be let into a chat")
            words = _("The station has a fault: try again in a moment.")
            self._reject(connection, ChatRefused("unavailable", words, retry_after=5.0))
        if not connection.closed:
            connection.flush()

    async def _authenticate(
        self, auth: Mapping[str, Any], session_key: str | None
    ) -> tuple[Room, Account | None, Credential | None]:
        slug, token = auth.get("channel"), auth.get("token")
        if not isinstance(slug, str) or not (token is None or isinstance(token, str)):
            raise _bad_auth()
        unknown = ChatRefused(
            "unknown_channel",
            format_lazy(_("There is no channel {slug}."), slug=slug[:SLUG_LENGTH]),
        )
        if len(slug) > SLUG_LENGTH:
            raise unknown
        try:
            room = await self._hub.room(slug)
            account = credential = None
            if token is not None:
                found = None
                if len(token) <= TOKEN_LENGTH:
                    found = await self._hub.database.run(lambda: self._identities.by_token(token))
                if found is None:
                    raise ChatRefused("bad_token", _("The token is not one of this station's."))
                credential, account = Credential("token", found[0]), found[1]
            elif session_key is not None:
                account = await self._hub.database.run(
                    lambda: self._identities.by_session(session_key)
                )
                credential = Credential("session", session_key) if account is not None else None
        except NoSuchChannel:
            raise unknown from None
        except DatabaseAway as error:
            raise ChatWithoutDatabase from error
        return room, account, credential

    def _reject(self, connection: ChatConnection, error: ChatRefused) -> None:
        self._hub.count_refusal(connection, error.code)
        now = asyncio.get_running_loop().time()
        connection.session.reject(connection.words(error), error.as_json(), now)

    def _enter(
        self,
        connection: ChatConnection,
        room: Room,
        account: Account | None,
        auth: Mapping[str, Any],
    ) -> None:
        """Raises ChatRefused."""
        state, wall, now = room.state, self._clock.wall(), self._clock.monotonic()
        if account is not None:
            participant = state.participant(account)
        else:
            participant = self._guest(connection, room, auth)
        sanction = room.expected.sanction_on(participant.person, wall)
        if sanction is not None and sanction.until is None:
            raise Banned
        since = auth.get("since")
        connection.account, connection.participant, connection.room = account, participant, room
        self._open_by_device[connection.device] += 1
        connection.session.accept(asyncio.get_running_loop().time())
        backlog = state.history.backlog(since if isinstance(since, str) else None)
        connection.session.emit(
            "welcome",
            {
                "me": state.me(participant, wall),
                "mode": state.mode.as_json(),
                "emotes": [emote.as_json() for emote in state.emotes],
                "reactions": REACTIONS,
                "pinned": state.pinned,
                "presence": room.presence(None, now),
                "limits": {"text": TEXT_LENGTH, "name": NAME_LENGTH},
                "recovered": backlog.recovered,
                "gap": backlog.gap,
            },
        )
        if participant.role.moderates:
            connection.session.emit("sanctions", state.sanctioned(wall))
        connection.flush()
        if backlog.deleted:
            connection.push(event_frame("delete", {"ids": backlog.deleted}))
        encoded = [json_of(message.as_json()) for message in backlog.messages]
        connection.push(list_frame("messages", encoded), len(encoded))
        self._hub.fan_out.enter(room, connection)

    def _guest(
        self, connection: ChatConnection, room: Room, auth: Mapping[str, Any]
    ) -> Participant:
        """Return a guest, a browser at an address. Raises ChatRefused."""
        device, name = auth.get("device") or "", auth.get("name")
        person = people.guest(self._settings.salt, connection.address, device)
        if name is not None:
            name = room.state.guest_name(name, lambda skeleton: room.name_taken(skeleton, person))
        return Participant(person, name or "", Role.GUEST)

    def _own_origin(self, exchange: Exchange) -> bool:
        """Return whether a page of this station opens the connection.

        Scripts of other sites may not act as their visitors: a browser sends the cookie with them
        too.
        """
        origin = exchange.header("origin")
        if self._settings.origin is not None and origin == self._settings.origin:
            return True
        return bool(origin) and urlsplit(origin).netloc == exchange.header("host")


def _bad_auth() -> ChatRefused:
    return ChatRefused("bad_auth", _("auth is {channel, name?, token?, since?, device?}."))
