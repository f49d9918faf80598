"""One broadcast: a show, its successive publishers, and the subscribers to its events."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from madang.apps.broadcasts.models import EndReason
from madang.infra.clock import Clock
from madang.live.demux import Notice
from madang.live.events import ShowEnded, ShowEvent, ShowOpened
from madang.live.show import Show
from madang.live.variants import codecs
from madang.servers.live.takeovers import TakeoverLimits, Takeovers
from madang.servers.rtmp import Publisher
from madang.wire.flv import Tag, TagType

DEFAULT_TAKEOVER_LIMITS: Final = TakeoverLimits()

REPLACED: Final = "Another encoder took over this channel."

log = logging.getLogger(__name__)


class Subscriber(Protocol):
    """A follower of a broadcast. Both methods run on the event loop and must not block."""

    def on_event(self, event: ShowEvent) -> None:
        """Take an event of the show; events come in order, each once."""

    def tick(self, now: float) -> None:
        """Do what is due at `now`, seconds of the monotonic clock; called several times a
        second, also for a while after the show has ended."""


class PublishSession:
    """The time of one publisher in a broadcast."""

    def __init__(self, broadcast: LiveBroadcast, publisher: Publisher) -> None:
        self._broadcast = broadcast
        self.publisher = publisher

    def media(self, tag_type: TagType, timestamp: int, body: bytes) -> None:
        """Take an audio or video message of this publisher."""
        self._broadcast.receive(self, tag_type, timestamp, body)

    def gone(self, reason: str) -> None:
        """Note that the publisher left."""
        self._broadcast.publisher_gone(self, reason)


class LiveBroadcast:
    """Brings what publishers and transcoders send into the show, and its events to subscribers.

    Used on the event loop only. `ended_at` is on the monotonic clock.
    """

    def __init__(
        self,
        slug: str,
        show: Show,
        clock: Clock,
        takeover_limits: TakeoverLimits = DEFAULT_TAKEOVER_LIMITS,
    ) -> None:
        self.slug = slug
        self.show = show
        self.clock = clock
        self.since = datetime.fromtimestamp(clock.wall(), UTC)
        self.disconnects = 0
        self.takeovers = Takeovers(takeover_limits)
        self.bytes_in = 0
        self.ended_at: float | None = None
        self.end_reason = EndReason.LOST
        self._now = clock.monotonic
        self._session: PublishSession | None = None
        self._heard = clock.monotonic()
        self._silence = takeover_limits.silence
        self._subscribers: list[Subscriber] = []
        self._events: deque[ShowEvent] = deque()
        self._emitting = False

    def subscribe(self, subscriber: Subscriber) -> None:
        """Deliver further events and ticks to `subscriber`, after the earlier subscribers."""
        self._subscribers.append(subscriber)

    # --- publishers ---

    @property
    def publisher(self) -> Publisher | None:
        """The connection that sends now."""
        return self._session.publisher if self._session is not None else None

    @property
    def sending(self) -> bool:
        """True while there is a publisher that has sent something just now."""
        return self._session is not None and self._now() - self._heard < self._silence

    def connect(self, publisher: Publisher) -> PublishSession:
        """Let a publisher begin, come back, or take over from another."""
        earlier, self._session = self._session, PublishSession(self, publisher)
        if earlier is not None:
            log.info("channel %s: taken over by %s", self.slug, publisher.address)
            self._displace(earlier.publisher)
        self._emit(self.show.publisher_connected(self._now()))
        return self._session

    def _displace(self, publisher: Publisher) -> None:
        """End a publisher that another one replaces. One that was silent has probably come back
        itself, over another connection."""
        self.disconnects += 1
        self.takeovers.count += 1
        if self._now() - self._heard < self._silence:
            self.takeovers.displaced(publisher.address, publisher.encoder, self._now())
        publisher.end(REPLACED)

    def receive(self, session: PublishSession, tag_type: TagType, stamp: int, body: bytes) -> None:
        """Take a tag, unless its publisher was replaced."""
        if session is not self._session:
            return
        self.bytes_in += len(body)
        self._heard = now = self._now()
        events = self.show.receive(tag_type, stamp, body, now)
        if events:
            self._emit(events)

    def publisher_gone(self, session: PublishSession, reason: str) -> None:
        """Wait for the publisher to come back, unless it was replaced already."""
        if session is not self._session:
            return
        self._session = None
        self.disconnects += 1
        self.end_reason = EndReason.FINISHED if reason == "unpublished" else EndReason.LOST
        log.info("channel %s: the encoder left (%s)", self.slug, reason)
        self._emit(self.show.publisher_gone(self._now()))

    def disconnect(self, words: str) -> None:
        """Send the publisher away; the show ends after the grace period."""
        session = self._session
        if session is not None:
            self.publisher_gone(session, "disconnected")
            self.end_reason = EndReason.DISCONNECTED
            session.publisher.end(words)

    def end(self, reason: EndReason) -> None:
        """End the show now."""
        self.end_reason = reason
        self._emit(self.show.end(self._now()))

    # --- transcoders ---

    def add_rendition(self, name: str) -> None:
        """Begin a rendition that a transcoder makes."""
        self.show.add_rendition(name)

    def receive_transcoded(self, name: str, tag: Tag) -> None:
        """Take a tag of the transcoder of a rendition."""
        self._emit(self.show.receive_transcoded(name, tag, self._now()))

    def drop_rendition(self, name: str) -> None:
        """End a rendition whose transcoder ended."""
        self._emit(self.show.drop_rendition(name))

    # --- time and events ---

    def tick(self, now: float) -> None:
        """Do what is due; call some five times a second."""
        deadline = self.show.deadline()
        if deadline is not None and now >= deadline:
            self._emit(self.show.tick(now))
        self._tell("tick", lambda subscriber: subscriber.tick(now))

    @property
    def codecs(self) -> str:
        """CODECS of what the encoder sends, empty before the show has opened."""
        return codecs(self.show.source) if self.show.source is not None else ""

    def _emit(self, events: Sequence[ShowEvent]) -> None:
        """Bring events to all subscribers, behind those that are still being delivered."""
        self._events.extend(events)
        if self._emitting:
            return
        self._emitting = True
        try:
            while self._events:
                self._deliver(self._events.popleft())
        finally:
            self._emitting = False

    def _deliver(self, event: ShowEvent) -> None:
        match event:
            case ShowOpened():
                log.info("channel %s: on the air, %s", self.slug, self.codecs)
            case ShowEnded():
                self.ended_at = self._now()
                log.info("channel %s: the show is over (%s)", self.slug, self.end_reason)
            case Notice():
                log.warning("channel %s: %s: %s", self.slug, event.code, event.detail)
                if event.code == "nothing_carried":
                    self.disconnect(event.detail)
            case _:
                pass
        self._tell(type(event).__name__, lambda subscriber: subscriber.on_event(event))

    def _tell(self, what: str, act: Callable[[Subscriber], None]) -> None:
        for subscriber in self._subscribers:
            try:
                act(subscriber)
            except Exception:  # one that fails takes nothing from the others
                log.exception("channel %s: %s: %r failed", self.slug, what, subscriber)
