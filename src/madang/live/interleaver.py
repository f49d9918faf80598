"""Order of units whose media arrive apart: the earlier medium waits for the later one.

Fragments and FLV carry sound and picture of the same time together. Players stop where one of
them is missing, and the segmenter cuts by the picture alone, so a lasting distance is taken out
here, at the cost of that much delay.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from madang.media.track import AccessUnit, AudioTrack, Track, VideoTrack

NOTABLE: Final = 0.5
"""Seconds of lateness that cause no waiting: jitter and loose interleaving."""

MAX_WAITING: Final = 16 << 20
"""Bytes of waiting units; the oldest go on without the other medium."""

_SMOOTHING: Final = 1 / 32


@dataclass(frozen=True, slots=True)
class Arrival:
    """A unit, and the time of its arrival in seconds of a monotonic clock."""

    track: Track
    unit: AccessUnit
    arrived: float


@dataclass(slots=True)
class _Lane:
    """One medium; times in seconds of the common clock."""

    waiting: deque[tuple[float, Arrival]] = field(default_factory=deque)
    newest: float | None = None
    lateness: float | None = None  # smoothed
    latest: float = 0.0  # longest notable lateness: how long the other medium waits


@dataclass(slots=True)
class Interleaver:
    """Queues for the units of one stream's sound and picture."""

    _video: _Lane = field(default_factory=_Lane)
    _audio: _Lane = field(default_factory=_Lane)
    _bytes: int = 0

    @property
    def sound_lateness(self) -> float:
        """Seconds by which the sound arrives behind the picture of its time, negative where the
        picture is behind the sound; 0 where it is not notable."""
        sound, picture = self._audio.lateness or 0.0, self._video.lateness or 0.0
        if max(sound, picture) < NOTABLE:
            return 0.0
        return sound if sound > picture else -picture

    def add(self, track: Track, unit: AccessUnit, arrived: float) -> list[Arrival]:
        """Take a unit, and return those that can go on, oldest first."""
        lane, other = self._lanes(track)
        at = unit.dts / track.timescale
        lane.newest = at if lane.newest is None else max(lane.newest, at)
        if other.newest is not None:
            late = max(0.0, other.newest - at)
            if late > NOTABLE:
                lane.latest = max(lane.latest, late)
            known = lane.lateness
            lane.lateness = late if known is None else known + (late - known) * _SMOOTHING
        lane.waiting.append((at, Arrival(track, unit, arrived)))
        self._bytes += len(unit.data)
        return self._release()

    def flush(self) -> list[Arrival]:
        """Return all that waits."""
        released = []
        while (lane := self._oldest()) is not None:
            released.append(self._take(lane))
        return released

    def _lanes(self, track: VideoTrack | AudioTrack) -> tuple[_Lane, _Lane]:
        if isinstance(track, VideoTrack):
            return self._video, self._audio
        return self._audio, self._video

    def _release(self) -> list[Arrival]:
        released = []
        while (lane := self._oldest()) is not None:
            other = self._audio if lane is self._video else self._video
            at, _ = lane.waiting[0]
            reached = other.newest is not None and other.newest >= at
            waited = lane.newest is not None and lane.newest - at >= other.latest
            if not reached and not waited and self._bytes <= MAX_WAITING:
                break
            released.append(self._take(lane))
        return released

    def _oldest(self) -> _Lane | None:
        lanes = [lane for lane in (self._video, self._audio) if lane.waiting]
        return min(lanes, key=lambda lane: lane.waiting[0][0], default=None)

    def _take(self, lane: _Lane) -> Arrival:
        _, arrival = lane.waiting.popleft()
        self._bytes -= len(arrival.unit.data)
        return arrival
