"""The channels on the air in this process, and the decisions on publishers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from madang.apps.broadcasts.models import EndReason
from madang.apps.broadcasts.ports import LiveStatus
from madang.apps.channels import refusals
from madang.apps.channels import services as channels
from madang.apps.channels.errors import TooManyWrongKeys
from madang.apps.channels.refusals import RefusalReason
from madang.apps.channels.services import ChannelCard, PublishGrant
from madang.base.errors import MadangError
from madang.infra.clock import SYSTEM_CLOCK, Clock
from madang.infra.database import DatabaseAway, DatabaseThreads
from madang.infra.deadline import Deadline
from madang.infra.tasks import TaskSupervisor
from madang.live.events import ShowEnded, ShowEvent, ShowOpened
from madang.live.show import LiveSettings, Show
from madang.servers.live.broadcast import REPLACED, LiveBroadcast, PublishSession, Subscriber
from madang.servers.live.cards import CardLimits, ChannelCards
from madang.servers.live.channel import LiveChannel
from madang.servers.live.counters import LiveCounters
from madang.servers.live.flv import FlvDelivery
from madang.servers.live.flv_client import FlvLimits
from madang.servers.live.hls import HlsDelivery
from madang.servers.live.intervals import Interval
from madang.servers.live.ladder import Ladder, LadderLimits
from madang.servers.live.leases import Leases, MemoryLeases
from madang.servers.live.recorder import Recorders
from madang.servers.live.show_log import ShowLog
from madang.servers.live.statistics import Statistics, StatisticsIntervals
from madang.servers.live.status import status_of
from madang.servers.live.takeovers import TakeoverLimits
from madang.servers.live.thumbnails import Thumbnailer, ThumbnailLimits, Thumbnails
from madang.servers.rtmp import Publisher

CLOSE_PATIENCE: Final = 2.0
"""Seconds for tasks to end with the hub."""

log = logging.getLogger(__name__)

SubscriberFactory = Callable[[LiveBroadcast], Subscriber]
"""Makes what follows a broadcast from its beginning."""


class EncoderDisplaced(MadangError):
    """Another encoder took over, and this one comes back so soon that it does so by itself."""


class StationFull(MadangError):
    """As many channels are on the air as the station takes."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Intervals and limits, in seconds.

    `tick` is also how much stream goes into one write to an FLV client: a write for every tag
    would cost each client several times the processor. For `afterglow` a show that is over is
    still served, so that players see its end. `retry` is between two attempts to write records
    of shows that the database did not take. A wrong key of an address that has shown many is
    answered after `wrong_key_delay`.
    """

    tick: float = 0.2
    snapshot: float = 1.0
    takeovers: TakeoverLimits = field(default_factory=TakeoverLimits)
    retry: float = 10.0
    afterglow: float = 60.0
    wrong_key_delay: float = 2.0
    cards: CardLimits = field(default_factory=CardLimits)
    flv: FlvLimits = field(default_factory=FlvLimits)
    ladder: LadderLimits = field(default_factory=LadderLimits)
    statistics: StatisticsIntervals = field(default_factory=StatisticsIntervals)
    thumbnails: ThumbnailLimits = field(default_factory=ThumbnailLimits)


@dataclass(frozen=True, slots=True)
class LiveHubSettings:
    """`live` says how shows are cut, `ladder` which heights in pixels are made of each beside
    what the encoder sends, `max_publishers` how many may be on the air; `ffmpeg` is the program
    for thumbnails and the ladder."""

    live: LiveSettings
    ladder: tuple[int, ...]
    max_publishers: int
    ffmpeg: str
    limits: LiveLimits = field(default_factory=LiveLimits)


class LiveHub:
    """Lets publishers in, finds their shows, tells the pages what is on the air.

    Used on the event loop only, but `snapshot`, `channel_changed`, `disconnect` and `lease_lost`
    may be called from any thread. Each of `subscribers` makes one more follower of every broadcast,
    `recorders` what records it.
    """

    def __init__(
        self,
        settings: LiveHubSettings,
        counters: LiveCounters,
        database: DatabaseThreads,
        show_log: ShowLog,
        leases: Leases | None = None,
        *,
        recorders: Recorders | None = None,
        subscribers: Sequence[SubscriberFactory] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.counters = counters
        self.clock = clock
        self._settings = settings
        self._limits = limits = settings.limits
        self._database = database
        self._show_log = show_log
        self._leases = leases or MemoryLeases()
        self._recorders = recorders
        self._subscribers = subscribers
        self._thumbnailer = Thumbnailer(settings.ffmpeg, limits.thumbnails)
        self._cards = ChannelCards(database, clock.monotonic, limits.cards)
        self._loop = asyncio.get_running_loop()
        self._channels: dict[str, LiveChannel] = {}
        self._tasks = TaskSupervisor(log, "a task of a live channel")
        self._releases = TaskSupervisor(log, "the release of a lease")
        self._snapshot: Mapping[str, LiveStatus] = MappingProxyType({})
        self._snapshots = Interval(limits.snapshot)
        self._retries = Interval(limits.retry)
        self._shows = 0
        self._ticker = self._loop.create_task(self._tick_periodically())

    # --- publishers ---

    async def authorise(self, texts: Sequence[str], publisher: Publisher) -> PublishGrant:
        """Return leave to publish. Raises KeyRefused, StationFull, EncoderDisplaced, LeasesAway."""
        address, encoder = publisher.address, publisher.encoder
        try:
            grant = await self._database.run(
                lambda: channels.authorise_publish(texts, address, encoder=encoder)
            )
        except TooManyWrongKeys:
            await asyncio.sleep(self._limits.wrong_key_delay)
            raise
        on_air = [slug for slug, channel in self._channels.items() if not channel.ended]
        if grant.slug not in on_air and len(on_air) >= self._settings.max_publishers:
            self.counters.refused["max_publishers"] += 1
            await self._record_refusal(
                lambda: refusals.note(
                    grant.channel_id, RefusalReason.STATION_FULL, address, encoder
                )
            )
            raise StationFull(
                f"{len(on_air)} channels are on the air, which is this station's limit.",
                mend="Try again when one has ended, or raise the setting live.max_publishers.",
            )
        await self._hold_off(grant, publisher)
        await self._leases.acquire(grant.slug, ours=grant.slug in on_air)
        forget = self._record_refusal(lambda: refusals.forget(grant.channel_id, address))
        self._tasks.spawn(forget)
        return grant

    def publish(self, grant: PublishGrant, publisher: Publisher) -> PublishSession:
        """Put a publisher on the air; an earlier one of the same channel is sent away."""
        channel = self._channels.get(grant.slug)
        if channel is None or channel.ended:
            channel = self._channels[grant.slug] = self._new_channel(grant)
            self._refresh_card(grant.slug)
        return channel.broadcast.connect(publisher)

    # --- pages and other processes, from any thread ---

    def snapshot(self) -> Mapping[str, LiveStatus]:
        """Return the status of the channels on the air, by slug, as of the last second."""
        return self._snapshot

    def channel_changed(self, slug: str) -> None:
        """Look up the title and description of a channel again."""
        self._loop.call_soon_threadsafe(self._refresh_card, slug)

    def disconnect(self, slug: str, reason: str) -> None:
        """Send the channel's publisher away."""

        def act() -> None:
            channel = self._channels.get(slug)
            if channel is not None:
                channel.broadcast.disconnect(reason)

        self._loop.call_soon_threadsafe(act)

    def lease_lost(self, slug: str) -> None:
        """End this process's show of a channel that another process has now."""

        def act() -> None:
            channel = self._channels.get(slug)
            if channel is not None and not channel.ended:
                log.info("channel %s: another process took it over", slug)
                channel.broadcast.disconnect(REPLACED)
                channel.broadcast.end(EndReason.DISCONNECTED)

        self._loop.call_soon_threadsafe(act)

    # --- requests ---

    def channel(self, slug: str) -> LiveChannel | None:
        """Return the channel, if it is on the air or has just left it."""
        return self._channels.get(slug)

    async def card(self, slug: str) -> ChannelCard | None:
        """Return the public data of a channel that need not be on the air. Raises DatabaseAway."""
        return await self._cards.find(slug)

    # --- time ---

    def tick(self, now: float) -> None:
        """Do what is due at `now`, seconds of the monotonic clock."""
        for channel in list(self._channels.values()):
            ended_at = channel.broadcast.ended_at
            try:
                channel.broadcast.tick(now)
            except Exception:  # the other channels go on
                log.exception("channel %s: its clock failed", channel.slug)
            if ended_at is not None and now > ended_at + self._limits.afterglow:
                del self._channels[channel.slug]
        if self._snapshots.due(now):
            self._take_snapshot()
        if self._retries.due(now):
            self._show_log.retry()

    async def close(self, patience: float = CLOSE_PATIENCE, *, hand_over: bool = False) -> None:
        """End every show, in at most `patience` seconds; where another process takes over, its
        viewers are not told so."""
        deadline = Deadline(patience)
        self._ticker.cancel()
        for channel in list(self._channels.values()):
            if hand_over:
                channel.hls.hand_over()
            channel.broadcast.end(EndReason.SHUTDOWN)
        await self._tasks.close(deadline.left(keep=patience / 2))
        await self._releases.wait(deadline.left())

    # --- inside ---

    async def _hold_off(self, grant: PublishGrant, publisher: Publisher) -> None:
        """Refuse an encoder that was displaced and comes back by itself, while another one sends.

        Raises EncoderDisplaced.
        """
        channel = self._channels.get(grant.slug)
        if channel is None:
            return
        broadcast = channel.broadcast
        address, encoder = publisher.address, publisher.encoder
        seconds = broadcast.takeovers.hold_off(address, encoder, self.clock.monotonic())
        if not seconds or not broadcast.sending:
            return
        received = broadcast.bytes_in
        await asyncio.sleep(self._limits.takeovers.silence)
        if broadcast.bytes_in == received:
            return
        self.counters.refused["displaced"] += 1
        await self._record_refusal(
            lambda: refusals.note(grant.channel_id, RefusalReason.DISPLACED, address, encoder)
        )
        raise EncoderDisplaced(
            "Another encoder took over this channel and is on the air.",
            mend=f"If this one is to be, stop it, wait {math.ceil(seconds)} s and start it again.",
        )

    async def _record_refusal(self, act: Callable[[], None]) -> None:
        """Tell the studio of a refused encoder; a database that is away hears nothing of it."""
        with contextlib.suppress(DatabaseAway):
            await self._database.run(act)

    def _new_channel(self, grant: PublishGrant) -> LiveChannel:
        """Return a channel whose broadcast begins now, with everything that follows it."""
        self._shows += 1
        clock, limits, settings = self.clock, self._limits, self._settings
        show = _new_show(settings.live, self._shows, clock.wall(), clock.monotonic())
        broadcast = LiveBroadcast(grant.slug, show, clock, limits.takeovers)
        record = self._show_log.open(grant.channel_id, datetime.fromtimestamp(clock.wall(), UTC))
        statistics = Statistics(broadcast, record, self.counters, limits.statistics)
        hls = HlsDelivery(broadcast, statistics)
        flv = FlvDelivery(broadcast, statistics, self.counters, limits.flv)
        thumbnails = Thumbnails(broadcast, self._thumbnailer, self._tasks)
        ladder = Ladder(
            settings.ffmpeg, settings.ladder, broadcast, flv, self._tasks, limits=limits.ladder
        )
        subscribers: list[Subscriber] = [hls, flv, statistics, thumbnails, ladder]
        subscribers += [make(broadcast) for make in self._subscribers]
        recorder = None
        if self._recorders is not None:
            recorder = self._recorders.follow(broadcast, grant, thumbnails)
        if recorder is not None:
            subscribers.append(recorder)
        for subscriber in (*subscribers, _OnAirChanges(self, grant.slug)):
            broadcast.subscribe(subscriber)
        return LiveChannel(
            broadcast, statistics, hls, flv, thumbnails, grant.title, recorder=recorder
        )

    def on_air_changed(self, slug: str, *, ended: bool) -> None:
        """Note that the show of a channel has opened or ended."""
        if ended:
            self._releases.spawn(self._leases.release(slug))
        self._take_snapshot()

    async def _tick_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._limits.tick)
            self.tick(self.clock.monotonic())

    def _take_snapshot(self) -> None:
        now = self.clock.monotonic()
        self._snapshot = MappingProxyType(
            {
                slug: status_of(channel, now)
                for slug, channel in self._channels.items()
                if not channel.ended
            }
        )

    def _refresh_card(self, slug: str) -> None:
        async def look_up() -> None:
            self._cards.forget(slug)
            card = await self.card(slug)
            channel = self._channels.get(slug)
            if channel is not None and card is not None:
                channel.title, channel.description = card.title, card.description

        self._tasks.spawn(look_up())


@dataclass(frozen=True, slots=True)
class _OnAirChanges:
    """Subscriber that notifies the hub when a show opens and ends."""

    hub: LiveHub
    slug: str

    def on_event(self, event: ShowEvent) -> None:
        if isinstance(event, ShowOpened | ShowEnded):
            self.hub.on_air_changed(self.slug, ended=isinstance(event, ShowEnded))

    def tick(self, now: float) -> None:
        """Nothing is due."""


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
