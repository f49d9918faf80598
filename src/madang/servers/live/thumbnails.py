"""Pictures of what is on the air, for the home page: one key frame every ten seconds."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from madang.infra import ffmpeg
from madang.infra.tasks import TaskSupervisor
from madang.live.events import ShowEnded, ShowEvent, ShowOpened
from madang.servers.live.broadcast import LiveBroadcast

_SHAPE: Final = (
    "yadif=deint=interlaced,scale=w='trunc(min(640,iw*sar)/2)*2':h='trunc(ow/dar/2)*2',setsar=1"
)
"""At most 640 square pixels across, and whole pictures instead of fields."""

_ARGUMENTS: Final = (
    *("-f", "mp4", "-i", "pipe:0", "-map", "0:v:0", "-frames:v", "1"),
    *("-vf", _SHAPE, "-q:v", "5", "-f", "mjpeg", "pipe:1"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ThumbnailLimits:
    """Seconds between two pictures of one channel (`interval`), between two looks for the first
    key frame (`first`), and for one decoding (`timeout`). `size` is in bytes: a JPEG of 640 pixels
    across is a twentieth of it."""

    interval: float = 10.0
    first: float = 1.0
    timeout: float = 5.0
    size: int = 1 << 20


DEFAULT_LIMITS: Final = ThumbnailLimits()


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG, and a number that rises with every new picture of the channel."""

    number: int
    jpeg: bytes


class Thumbnailer:
    """Decodes one picture at a time: with many channels each is refreshed less often, and the
    processor stays with the viewers."""

    def __init__(self, program: str, limits: ThumbnailLimits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self._program = program
        self._lock = asyncio.Lock()

    async def decode(self, data: bytes) -> bytes | None:
        """Return the picture in an fMP4 with one key frame as JPEG, None where that fails."""
        async with self._lock:
            try:
                picture = await ffmpeg.convert(
                    self._program, _ARGUMENTS, data, timeout=self.limits.timeout
                )
            except ffmpeg.FfmpegFailed as error:
                log.warning("no thumbnail: %s", error)
                return None
        if 0 < len(picture) <= self.limits.size:
            return picture
        log.warning("no thumbnail: a picture of %d bytes", len(picture))
        return None


class Thumbnails:
    """Keeps the `latest` picture of a broadcast."""

    def __init__(
        self, broadcast: LiveBroadcast, thumbnailer: Thumbnailer, tasks: TaskSupervisor
    ) -> None:
        self.latest: Picture | None = None
        self._broadcast = broadcast
        self._thumbnailer = thumbnailer
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._due: float | None = None
        self._data: bytes | None = None

    def on_event(self, event: ShowEvent) -> None:
        """Begin when the show opens, stop when it ends."""
        match event:
            case ShowOpened():
                self._due = self._broadcast.clock.monotonic()
                self.tick(self._due)
            case ShowEnded():
                self._due = None
                if self._task is not None:
                    self._task.cancel()
            case _:
                pass

    def tick(self, now: float) -> None:
        """Make the next picture when it is due."""
        if self._due is None or now < self._due:
            return
        data = self._broadcast.show.thumbnail_source()
        if data is None:
            self._due = now + self._thumbnailer.limits.first
        elif data == self._data:
            self._due = now + self._thumbnailer.limits.interval  # no key frame since
        else:
            self._due = None
            self._task = self._tasks.spawn(self._make(data))

    async def _make(self, data: bytes) -> None:
        jpeg = await self._thumbnailer.decode(data)
        if jpeg is not None:
            number = self.latest.number if self.latest is not None else 0
            self.latest = Picture(number + 1, jpeg)
            self._data = data
        if self._broadcast.ended_at is None:
            self._due = self._broadcast.clock.monotonic() + self._thumbnailer.limits.interval
