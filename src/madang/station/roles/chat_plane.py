"""The chat's part of a process: hub, handshake, metrics, and the identities of people."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from django.conf import settings as django_settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from madang.apps.accounts import tokens
from madang.apps.chat import ports, services, store
from madang.apps.webhooks.chat_events import ChatEventQueue
from madang.chat.model import Account, Message, ModerationAction
from madang.chat.rate_limits import Rate
from madang.chat.room import ACTIONS_KEPT, Room
from madang.chat.state import ChatState
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.servers.chat.bus import Bus, MemoryBus
from madang.servers.chat.dispatcher import Dispatcher
from madang.servers.chat.handshake import PATH, ChatHandshake, HandshakeSettings
from madang.servers.chat.hub import ChatHub, ChatHubSettings, ChatQueries
from madang.servers.chat.identities import Identities
from madang.servers.chat.message_writer import MessageWriter
from madang.servers.chat.reauthentication import Reauthentication
from madang.servers.chat.service import ChatService
from madang.servers.http.router import Route
from madang.station.config.settings import Settings
from madang.station.roles.shutdown import Shutdown
from madang.work.schedule import Periodic

if TYPE_CHECKING:
    from madang.servers.chat.rpc_server import RpcServer

MESSAGE_SECONDS: Final = 5.0
"""Window of the rate limits of messages."""

CONNECT_SECONDS: Final = 10.0
"""Window of the rate limit of connections."""

RPC_SECONDS: Final = 1.0
CHAT_SECONDS: Final = 2.0
EVENT_SECONDS: Final = 1.0
"""Times to end requests of other processes, to send and write the last messages, and to queue the
last webhooks."""

REACTIONS: Final = 10
"""Of a person: more than a finger taps. An address has as many as messages."""


class ChatPlane:
    """Chat as one process runs it. `jobs` are for its worker."""

    def __init__(self, settings: Settings, database_threads: DatabaseThreads) -> None:
        chosen = settings.chat
        self._writer = MessageWriter()
        self._bus = _bus(settings)
        self.hub = ChatHub(
            ChatHubSettings(
                tick=chosen.tick,
                per_person=Rate(chosen.messages_per_person, MESSAGE_SECONDS),
                per_address=Rate(chosen.messages_per_address, MESSAGE_SECONDS),
                reactions=Rate(REACTIONS, MESSAGE_SECONDS),
            ),
            database_threads,
            ChatQueries(_open_chat, store.hidden_by),
            self._bus,
            self._writer,
        )
        dispatcher = Dispatcher(self.hub)
        identities = Identities(_by_session, _by_token, _in_force)
        self._reauthentication = Reauthentication(self.hub, identities)
        self.handshake = ChatHandshake(
            self.hub,
            dispatcher,
            HandshakeSettings(
                salt=django_settings.SECRET_KEY.encode(),
                origin=settings.http.public_url,
                session_cookie=django_settings.SESSION_COOKIE_NAME,
                trusted_proxies=settings.http.trusted_proxies,
                connects=Rate(chosen.connects_per_address, CONNECT_SECONDS),
                per_address=chosen.connections_per_address,
                per_device=chosen.connections_per_device,
                connections=chosen.max_connections,
            ),
            identities,
        )
        self._database_threads = database_threads
        self._webhook_events = ChatEventQueue()
        self.hub.listeners.append(self._queue_for_webhooks)
        self.jobs = [Periodic("chat events for webhooks", 1.0, self._webhook_events.flush)]
        service = ChatService(self.hub, dispatcher)
        self._rpc_server = _rpc_server(settings, self.hub, service)
        ports.install(service)

    async def start(self) -> None:
        """Begin on the running event loop."""
        await self.hub.start()
        self._reauthentication.start()
        if self._rpc_server is not None:
            self._rpc_server.start()

    async def close(self, ending: Shutdown) -> None:
        """Ask the clients to reconnect, and write what is unsaved to the database."""
        server = self._rpc_server
        if server is not None:
            await ending.end("requests to chats", lambda _: server.close(), RPC_SECONDS)
        await ending.end("chats", self.hub.close, CHAT_SECONDS)
        await ending.end("chat events for webhooks", self._flush_events, EVENT_SECONDS)

    async def _flush_events(self, patience: float) -> None:
        with contextlib.suppress(DatabaseAway, TimeoutError):
            flushed = self._database_threads.run(self._webhook_events.flush)
            async with asyncio.timeout(patience):
                await flushed

    def _queue_for_webhooks(
        self, room: Room, _kind: str, value: Message | ModerationAction
    ) -> None:
        self._webhook_events.add(room.state.channel, value)

    def collect(self) -> Iterable[Metric]:
        """Return the chat's metrics for /metrics."""
        counters, hub = self.hub.counters, self.hub
        for name, words, value in (
            ("madang_chat_open", "Open chat connections.", len(hub.connections)),
            ("madang_chat_rooms", "Chats in memory.", len(hub.rooms)),
            ("madang_chat_bus_connected", "The bus is there.", float(self._bus.connected)),
            ("madang_chat_unsaved", "Not in the database yet.", self._writer.waiting),
        ):
            yield GaugeMetricFamily(name, words, value)
        for name, words, value in (
            ("madang_chat_connections", "Chat connections.", counters.connections),
            ("madang_chat_messages", "Messages taken.", counters.messages),
            ("madang_chat_deliveries", "Messages times readers.", counters.deliveries),
            ("madang_chat_missed", "Lost by slow readers.", counters.missed),
            ("madang_chat_acts", "Acts of moderators.", counters.actions),
            ("madang_chat_unkept", "Not kept: the database was away.", self._writer.lost),
        ):
            yield CounterMetricFamily(name, words, value)
        for name, words, counted in (
            ("madang_chat_refused", "Connections and requests refused.", counters.refused),
            ("madang_chat_closed", "Why connections ended.", counters.closed),
        ):
            family = CounterMetricFamily(name, words, labels=["reason"])
            for reason, count in sorted(counted.items()):
                family.add_metric([reason], count)
            yield family


def chat_route(chat: ChatPlane) -> Route:
    """Return the route of the chats."""
    return Route(PATH, chat.handshake, websocket=True)


def _bus(settings: Settings) -> Bus:
    if settings.redis.url is None:
        return MemoryBus()
    from madang.servers.chat.redis_bus import RedisBus

    return RedisBus(settings.redis.url)


def _rpc_server(settings: Settings, hub: ChatHub, service: ChatService) -> RpcServer | None:
    if settings.redis.url is None:
        return None
    from madang.servers.chat.rpc_server import RpcServer

    return RpcServer(settings.redis.url, hub, service, hub.origin)


def _open_chat(slug: str) -> tuple[ChatState, list[ModerationAction]]:
    state = services.open_chat(slug)
    return state, store.recent_acts(state.channel, ACTIONS_KEPT)


def _by_session(key: str) -> Account | None:
    engine = import_module(django_settings.SESSION_ENGINE)
    return services.signed_in(engine.SessionStore(key))


def _by_token(token: str) -> tuple[str, Account] | None:
    user = tokens.user_of_token(token, "chat")
    if user is None:
        return None
    return tokens.token_id(token), services.account_of(user, bot=True)


def _in_force(token_ids: Collection[str]) -> Mapping[str, Account]:
    holders = tokens.active_users(token_ids, "chat")
    return {key: services.account_of(user, bot=True) for key, user in holders.items()}
