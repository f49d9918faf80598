"""Everything that is on the air in this process, and who decides on who may go there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from madang.apps.broadcasts.models import EndReason
from madang.apps.broadcasts.ports import LiveStatus
from madang.apps.channels import services as channels
from madang.apps.channels.services import ChannelCard, PublishGrant
from madang.base.errors import MadangError
from madang.infra.database import DatabaseThreads
from madang.live.demux import Notice
from madang.live.events import ShowEnded, ShowEvent, ShowOpened
from madang.live.show import LiveSettings, Show
from madang.servers.counters import Counters
from madang.servers.live.channel import REPLACED, LiveChannel, Turn
from madang.servers.live.ladder import Ladder
from madang.servers.live.leases import Leases, MemoryLeases
from madang.servers.live.show_log import ShowLog
from madang.servers.live.status import status_of
from madang.servers.live.thumbnails import Picture, Thumbnailer
from madang.servers.rtmp import Publisher

TICK: Final = 0.2
"""Seconds of stream in one write to an FLV reader: a write for every tag would cost each reader
several times the processor. Also how exactly deadlines of shows are kept."""

SWEEP: Final = 5
"""Ticks between two counts of the viewers."""

REPORT: Final = 50
"""Ticks between two reports to the database: what a crash may lose of a show's figures."""

AFTERGLOW: Final = 60.0
"""Seconds for which a show that is over is still served, so that players see its end."""

KNOWN_CARDS: Final = 10_000
"""Channels remembered of those that are not on the air; asked for by anybody, so bounded."""

CARD_AGE: Final = 5.0
"""Seconds for which that is not looked up again: waiting pages ask every two."""

log = logging.getLogger(__name__)


class StationFull(MadangError):
    """As many channels are on the air as the station takes."""


@dataclass(frozen=True, slots=True)
class LiveHubSettings:
    """`live` says how shows are cut, `ladder` which heights in pixels are made of each beside
    what the encoder sends, `max_publishers` how many may be on the air; `ffmpeg` is the program
    that helps."""

    live: LiveSettings
    ladder: tuple[int, ...]
    max_publishers: int
    ffmpeg: str


class LiveHub:
    """The stage: lets publishers in, finds their shows, tells the pages what is on.

    Everything happens on the event loop, but `snapshot`, `channel_changed` and `disconnect` may
    be called from any thread.
    """

    def __init__(
        self,
        settings: LiveHubSettings,
        counters: Counters,
        database: DatabaseThreads,
        show_log: ShowLog,
        leases: Leases | None = None,
    ) -> None:
        self.counters = counters
        self._settings = settings
        self._database = database
        self._show_log = show_log
        self._leases = leases or MemoryLeases()
        self._thumbnailer = Thumbnailer(settings.ffmpeg)
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, LiveChannel] = {}
        self._helpers: dict[LiveChannel, list[asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._snapshot: Mapping[str, LiveStatus] = MappingProxyType({})
        self._cards: dict[str, tuple[float, ChannelCard | None]] = {}
        self._shows = 0
        self._clockwork = self._loop.create_task(self._turn_clockwork())

    # --- the stage of the RTMP door ---

    async def authorise(self, keys: Sequence[str], address: str) -> PublishGrant:
        """Return leave to publish. Raises KeyRefused, StationFull, ClaimsAway."""
        grant = await self._database.run(lambda: channels.authorise_publish(keys, address))
        on_air = [slug for slug, channel in self._channels.items() if channel.ended_at is None]
        if grant.slug not in on_air and len(on_air) >= self._settings.max_publishers:
            self.counters.refused["max_publishers"] += 1
            raise StationFull(
                f"{len(on_air)} channels are on the air, which is this station's limit.",
                mend="Try again when one has ended, or raise the setting live.max_publishers.",
            )
        await self._leases.take(grant.slug, ours=grant.slug in on_air)
        return grant

    def publish(self, grant: PublishGrant, publisher: Publisher) -> Turn:
        """Put a publisher on the air; an earlier one of the same channel is sent away."""
        channel = self._channels.get(grant.slug)
        if channel is None or channel.ended_at is not None:
            channel = self._begin(grant)
        return channel.take(publisher)

    # --- what pages and tools ask, from any thread ---

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Who is on the air, by slug, as of the last second."""
        return self._snapshot

    def channel_changed(self, slug: str) -> None:
        """The title or description of a channel changed: look them up again."""
        self._loop.call_soon_threadsafe(self._refresh_card, slug)

    def disconnect(self, slug: str, reason: str) -> None:
        """Send the channel's publisher away."""

        def act() -> None:
            channel = self._channels.get(slug)
            if channel is not None:
                channel.disconnect(reason)

        self._loop.call_soon_threadsafe(act)

    def taken(self, slug: str) -> None:
        """Another process has the channel now: this one's show of it is over."""

        def act() -> None:
            channel = self._channels.get(slug)
            if channel is not None and channel.ended_at is None:
                log.info("channel %s: another process took it over", slug)
                channel.disconnect(REPLACED)
                channel.end(EndReason.DISCONNECTED)

        self._loop.call_soon_threadsafe(act)

    # --- what the HTTP side asks ---

    def channel(self, slug: str) -> LiveChannel | None:
        """The channel, if it is on the air or has just left it."""
        return self._channels.get(slug)

    async def card(self, slug: str) -> ChannelCard | None:
        """What everybody may know of a channel that need not be on the air."""
        known = self._cards.get(slug)
        now = self._loop.time()
        if known is None or known[0] < now:
            card = await self._database.run(lambda: channels.find(slug))
            if len(self._cards) >= KNOWN_CARDS:
                self._cards.clear()
            known = self._cards[slug] = (now + CARD_AGE, card)
        return known[1]

    async def close(self, *, hand_over: bool = False) -> None:
        """End every show; where another process takes over, its viewers are not told so."""
        self._clockwork.cancel()
        helpers = list(self._tasks)
        for channel in list(self._channels.values()):
            if hand_over:
                channel.hand_over()
            channel.end(EndReason.SHUTDOWN)
        for task in helpers:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)

    # --- inside ---

    def _begin(self, grant: PublishGrant) -> LiveChannel:
        self._shows += 1
        show = _new_show(self._settings.live, self._shows, time.time(), self._loop.time())
        record = self._show_log.open(grant.channel_id, datetime.now(UTC))
        channel = LiveChannel(
            grant,
            show,
            record,
            counters=self.counters,
            clock=self._loop.time,
            heard=self._heard,
        )
        self._channels[grant.slug] = channel
        self._refresh_card(grant.slug)
        return channel

    def _heard(self, channel: LiveChannel, event: ShowEvent) -> None:
        match event:
            case ShowOpened():
                helpers = [self._spawn(self._follow_pictures(channel))]
                ladder = Ladder(self._settings.ffmpeg, self._settings.ladder, channel)
                if ladder.heights:
                    helpers.append(self._spawn(ladder.run()))
                self._helpers[channel] = helpers
            case ShowEnded():
                for task in self._helpers.pop(channel, []):
                    task.cancel()
                self._spawn(self._leases.give_back(channel.slug))
            case Notice():
                self.counters.notices[event.code] += 1
                return
            case _:
                return
        self._take_snapshot()

    async def _follow_pictures(self, channel: LiveChannel) -> None:
        def show(picture: Picture) -> None:
            channel.picture = picture

        await self._thumbnailer.follow(channel.show.thumbnail_source, show)

    async def _turn_clockwork(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK)
            ticks += 1
            now = self._loop.time()
            for channel in list(self._channels.values()):
                try:
                    self._tick(channel, ticks, now)
                except Exception:
                    log.exception("channel %s: its clockwork failed", channel.slug)
            if ticks % SWEEP == 0:
                self._take_snapshot()
            if ticks % REPORT == 0:
                self._show_log.retry()

    def _tick(self, channel: LiveChannel, ticks: int, now: float) -> None:
        channel.tick(now)
        if ticks % SWEEP == 0:
            channel.sweep(now)
        if ticks % REPORT == 0:
            channel.report()
        if channel.ended_at is not None and now > channel.ended_at + AFTERGLOW:
            del self._channels[channel.slug]

    def _take_snapshot(self) -> None:
        now = self._loop.time()
        self._snapshot = MappingProxyType(
            {
                slug: status_of(channel, now)
                for slug, channel in self._channels.items()
                if channel.ended_at is None
            }
        )

    def _refresh_card(self, slug: str) -> None:
        async def look_up() -> None:
            self._cards.pop(slug, None)
            card = await self.card(slug)
            channel = self._channels.get(slug)
            if channel is not None and card is not None:
                channel.title, channel.description = card.title, card.description

        self._spawn(look_up())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        async def guarded() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                try:
                    await work
                except Exception:
                    log.exception("a helper of a show failed")

        task = self._loop.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _new_show(settings: LiveSettings, number: int, wall: float, now: float) -> Show:
    """Return a show that begins at `wall` seconds since 1970; `number` tells shows apart.

    Sequence numbers begin at the seconds since 1970: as segments are a second or longer, those of
    a later show, also after a restart, are always higher.
    """
    return Show(
        settings,
        epoch=f"{int(wall):x}{number:x}",
        first_msn=int(wall),
        wall_offset=wall - now,
    )
