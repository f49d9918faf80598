"""Delivery of one broadcast as one endless FLV response."""

from __future__ import annotations

from madang.infra.socket_writer import Framing
from madang.live.events import ShowEnded, ShowEvent
from madang.live.flv_feed import Chunk
from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.counters import LiveCounters
from madang.servers.live.flv_client import DEFAULT_LIMITS, Block, FlvClient, FlvLimits
from madang.servers.live.intervals import Interval
from madang.servers.live.statistics import Statistics


class FlvDelivery:
    """Hands the feed of the show to all clients, with each tick."""

    def __init__(
        self,
        broadcast: LiveBroadcast,
        statistics: Statistics,
        counters: LiveCounters,
        limits: FlvLimits = DEFAULT_LIMITS,
    ) -> None:
        self._show = broadcast.show
        self._now = broadcast.clock.monotonic
        self._statistics = statistics
        self._counters = counters
        self._limits = limits
        self._check = Interval(limits.check)
        self._clients: set[FlvClient] = set()
        self._viewers: set[FlvClient] = set()
        # First block for new clients, and whether it has a picture; shared by all that come between
        # two chunks.
        self._opening: tuple[Block, bool] | None = None
        self._show.feed.listening = False

    def join(self, framing: Framing, *, viewer: bool = True) -> FlvClient | None:
        """Begin to read the stream: return a client to be attached to its connection.

        None while there is nothing to see yet, or no picture in sight. The ladder is a client too,
        but no `viewer`.
        """
        if self._opening is None:
            self._flush()
            opening = self._show.feed.opening()
            if opening is not None:
                block = Block(Chunk(opening, None))
                self._opening = (block, self._show.feed.begins_with_picture)
        if self._opening is None or self._show.state == "ended":
            return None
        block, with_picture = self._opening
        if viewer and not with_picture and self._show.key_frame_wait(self._now()):
            return None
        client = FlvClient(framing, self._sent if viewer else lambda _: None, self._limits)
        client.begin(block, skipping=not with_picture)
        self._clients.add(client)
        self._show.feed.listening = True
        if viewer:
            self._viewers.add(client)
            self._statistics.audience.reader_came()
        return client

    def leave(self, client: FlvClient, *, viewer: bool = True) -> None:
        """Forget a client that is gone."""
        client.close()
        self._clients.discard(client)
        self._viewers.discard(client)
        if not self._clients:
            self._show.feed.listening = False
            self._opening = None
        if viewer:
            self._statistics.audience.reader_left()
            self._counters.flv_dropped_bytes += client.dropped

    def on_event(self, event: ShowEvent) -> None:
        """Let all clients finish when the show is over."""
        if isinstance(event, ShowEnded):
            self._flush()
            for client in self._clients:
                client.end()

    def tick(self, now: float) -> None:
        """Send what has come, and give up clients that take nothing."""
        if self._clients:
            self._flush()
        if self._check.due(now):
            waits = self._show.key_frame_wait(now) > 0
            for client in self._clients:
                client.check(now)
                if waits and client.skipping and client in self._viewers:
                    client.end()  # whoever asks again is told why

    def _flush(self) -> None:
        last = self._show.feed.take_last()
        if last is not None:
            self._opening = None
            for client in self._clients:
                client.end(Block(last))
        chunk = self._show.feed.take()
        if chunk is not None:
            self._opening = None
            block = Block(chunk)
            for client in self._clients:
                client.put(block)

    def _sent(self, size: int) -> None:
        self._statistics.sent("flv", size)
