"""Buffer for the first seconds of a show, until it is known how to cut the stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.live.demux import Tracks
from madang.live.segmenter import Cutting, measure
from madang.media.track import AccessUnit, Track

PATIENCE: Final = 4.0
"""Seconds to wait for the second key frame, which gives their interval. Where it does not come,
the interval is assumed to be `segmenter.LONGEST_KEY_INTERVAL`."""

SOUND_ENOUGH: Final = 0.5
"""Seconds of audio that suffice to measure the duration of its units."""


@dataclass(frozen=True, slots=True)
class Buffered:
    """A unit of `track`, which is one of `tracks`."""

    tracks: Tracks
    track: Track
    unit: AccessUnit

    @property
    def on_clock(self) -> bool:
        """True for the units by which the stream is cut."""
        return self.track is (self.tracks.video or self.tracks.audio)


@dataclass(slots=True)
class Opening:
    """Units in the order of their arrival. Settings and `now` in seconds."""

    part_target: float
    segment: float
    _units: list[Buffered] = field(default_factory=list)
    _began: float | None = None
    _first: int = 0  # time of the first unit on the clock
    _known: bool = False
    _keys: int = 0

    def clear(self) -> None:
        """Begin again, with another publisher."""
        self._units.clear()
        self._began = None
        self._known = False
        self._keys = 0

    def change(self, before: Tracks | None, tracks: Tracks) -> None:
        """Go on with other tracks. What is buffered stays where the clock does: an encoder may
        change its configuration with every key frame."""
        if before is None or _clock(before) != _clock(tracks) or len(before.all) != len(tracks.all):
            self.clear()

    def add(self, tracks: Tracks, track: Track, unit: AccessUnit, now: float) -> None:
        """Keep a unit."""
        buffered = Buffered(tracks, track, unit)
        if tracks.video is not None and not self._keys and not (buffered.on_clock and unit.key):
            return  # nothing can be shown before the first key frame
        if self._began is None:
            self._began = now
            self._first = unit.dts
        self._units.append(buffered)
        if buffered.on_clock:
            span = (unit.dts - self._first) / track.timescale
            if tracks.video is not None:
                self._keys += unit.key
                self._known = self._keys > 1 or span >= PATIENCE
            else:
                self._known = span >= SOUND_ENOUGH

    def deadline(self) -> float | None:
        """Return when to stop waiting, None before the first unit."""
        return None if self._began is None else self._began + PATIENCE

    def due(self, now: float) -> bool:
        """Tell whether enough is known, or the wait is over."""
        return self._known or (self._began is not None and now >= self._began + PATIENCE)

    def close(self, tracks: Tracks) -> tuple[Cutting, list[Buffered]]:
        """Return how to cut the stream, and the buffered units."""
        on_clock = [buffered.unit for buffered in self._units if buffered.on_clock]
        cutting = measure(tracks, on_clock, self.part_target, self.segment)
        units = list(self._units)
        self.clear()
        return cutting, units


def _clock(tracks: Tracks) -> tuple[bool, int]:
    """Return the kind of the clock track and its rate."""
    clock = tracks.video or tracks.audio
    return tracks.video is not None, clock.timescale if clock is not None else 0
