"""The chat's part of a process: its hall, its door, its figures, and who people are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

from django.conf import settings as django_settings
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from madang.apps.accounts import tokens
from madang.apps.chat import ports, services
from madang.apps.chat.values import Account
from madang.servers.chat.bus import Bus, MemoryBus
from madang.servers.chat.desk import Desk
from madang.servers.chat.door import Door, DoorSettings
from madang.servers.chat.hall import Hall, HallSettings
from madang.servers.chat.keeper import Keeper
from madang.servers.chat.limits import Rate
from madang.servers.chat.speaking import Floor
from madang.servers.chat.standing import Identities, Standing
from madang.servers.chat.teller import Teller
from madang.servers.live.journal import ControlPlane
from madang.station.settings import Settings

if TYPE_CHECKING:
    from madang.servers.chat.window import Window

PER: Final = 5.0
"""Seconds over which messages are counted."""

CONNECTS_PER: Final = 10.0

REACTIONS: Final = 10
"""Of a person, or of all guests of one address: more than a finger taps."""


class Chat:
    """Chat as one process runs it: `door` answers, `start` and `close` around it."""

    def __init__(self, settings: Settings, control: ControlPlane) -> None:
        chosen = settings.chat
        self._keeper = Keeper()
        self._bus = _bus(settings)
        self.hall = Hall(
            HallSettings(
                tick=chosen.tick,
                per_person=Rate(chosen.messages_per_person, PER),
                per_address=Rate(chosen.messages_per_address, PER),
                reactions=Rate(REACTIONS, PER),
            ),
            control,
            self._bus,
            self._keeper,
        )
        floor = Floor(self.hall)
        who = Identities(_by_session, _by_token, _in_force)
        self._standing = Standing(self.hall, who)
        self.door = Door(
            self.hall,
            floor,
            DoorSettings(
                salt=django_settings.SECRET_KEY.encode(),
                origin=settings.http.public_url,
                session_cookie=django_settings.SESSION_COOKIE_NAME,
                trusted_proxies=settings.http.trusted_proxies,
                connects=Rate(chosen.connects_per_address, CONNECTS_PER),
                per_address=chosen.connections_per_address,
                connections=chosen.max_connections,
            ),
            who,
        )
        self._teller = Teller()
        self.hall.events.append(self._teller.happened)
        desk = Desk(self.hall, floor)
        self._window = _window(settings, self.hall, desk)
        ports.install(desk)

    async def start(self) -> None:
        """Begin on the running event loop."""
        await self.hall.start()
        self._standing.start()
        if self._window is not None:
            self._window.start()
        self._teller.start()

    async def close(self, patience: float) -> None:
        """Ask the clients to come back in a moment and write down what was said."""
        if self._window is not None:
            await self._window.close()
        await self.hall.close(patience)
        await self._teller.close(patience)

    def collect(self) -> Iterable[Metric]:
        """The chat's figures for /metrics."""
        counters, hall = self.hall.counters, self.hall
        for name, words, value in (
            ("madang_chat_open", "Open chat connections.", len(hall.connections)),
            ("madang_chat_rooms", "Chats in memory.", len(hall.rooms)),
            ("madang_chat_bus_connected", "The bus is there.", float(self._bus.connected)),
            ("madang_chat_unsaved", "Not in the database yet.", self._keeper.waiting),
        ):
            yield GaugeMetricFamily(name, words, value)
        for name, words, value in (
            ("madang_chat_connections", "Chat connections.", counters.connections),
            ("madang_chat_messages", "Messages taken.", counters.messages),
            ("madang_chat_deliveries", "Messages times readers.", counters.deliveries),
            ("madang_chat_missed", "Lost by slow readers.", counters.missed),
            ("madang_chat_acts", "Acts of moderators.", counters.acts),
            ("madang_chat_unkept", "Not kept: the database was away.", self._keeper.lost),
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


def _bus(settings: Settings) -> Bus:
    if settings.redis.url is None:
        return MemoryBus()
    from madang.servers.chat.redis_bus import RedisBus

    return RedisBus(settings.redis.url)


def _window(settings: Settings, hall: Hall, desk: Desk) -> Window | None:
    if settings.redis.url is None:
        return None
    from madang.servers.chat.window import Window

    return Window(settings.redis.url, hall, desk, hall.origin)


def _by_session(key: str) -> Account | None:
    engine = import_module(django_settings.SESSION_ENGINE)
    return services.signed_in(engine.SessionStore(key))


def _by_token(token: str) -> tuple[str, Account] | None:
    user = tokens.holder(token, "chat")
    if user is None:
        return None
    return tokens.token_id(token), services.account_of(user, bot=True)


def _in_force(token_ids: Collection[str]) -> Mapping[str, Account]:
    holders = tokens.in_force(token_ids, "chat")
    return {key: services.account_of(user, bot=True) for key, user in holders.items()}
