"""A channel on the air: its broadcast and what delivers it."""

from __future__ import annotations

from dataclasses import dataclass

from madang.servers.live.broadcast import LiveBroadcast
from madang.servers.live.flv import FlvDelivery
from madang.servers.live.hls import HlsDelivery
from madang.servers.live.recorder import Recorder
from madang.servers.live.statistics import Statistics
from madang.servers.live.thumbnails import Thumbnails


@dataclass(slots=True, eq=False)
class LiveChannel:
    """The parts of one channel that answers and status are made of."""

    broadcast: LiveBroadcast
    statistics: Statistics
    hls: HlsDelivery
    flv: FlvDelivery
    thumbnails: Thumbnails
    title: str
    description: str = ""
    recorder: Recorder | None = None

    @property
    def slug(self) -> str:
        """The name of the channel in addresses."""
        return self.broadcast.slug

    @property
    def ended(self) -> bool:
        """True once the show is over; it is still served for a while."""
        return self.broadcast.ended_at is not None
