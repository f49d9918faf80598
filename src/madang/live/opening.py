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


@dataclass(slots=True)
class Opening:
    """Units in the order of their arrival. Settings and `now` in seconds."""

    part_target: float
    segment: float
    _units: list[tuple[Track, AccessUnit]] = field(default_factory=list)
    _began: float | None = None
    _known: bool = False
    _keys: int = 0

    def clear(self) -> None:
        """Begin again, with another publisher or other tracks."""
        self._units.clear()
        self._began = None
        self._known = False
        self._keys = 0

    def add(self, tracks: Tracks, track: Track, unit: AccessUnit, now: float) -> None:
        """Keep a unit."""
        is_video = track is tracks.video
        if tracks.video is not None and not self._keys and not (is_video and unit.key):
            return  # nothing can be shown before the first key frame
        if self._began is None:
            self._began = now
        self._units.append((track, unit))
        if is_video:
            self._keys += unit.key
            self._known = self._keys > 1 or self._span(track) >= PATIENCE
        elif tracks.video is None:
            self._known = self._span(track) >= SOUND_ENOUGH

    def deadline(self) -> float | None:
        """Return when to stop waiting, None before the first unit."""
        return None if self._began is None else self._began + PATIENCE

    def due(self, now: float) -> bool:
        """Tell whether enough is known, or the wait is over."""
        return self._known or (self._began is not None and now >= self._began + PATIENCE)

    def close(self, tracks: Tracks) -> tuple[Cutting, list[tuple[Track, AccessUnit]]]:
        """Return how to cut the stream, and the buffered units."""
        clock = tracks.video or tracks.audio
        on_clock = [unit for track, unit in self._units if track is clock]
        cutting = measure(tracks, on_clock, self.part_target, self.segment)
        units = list(self._units)
        self.clear()
        return cutting, units

    def _span(self, track: Track) -> float:
        first = next(unit for other, unit in self._units if other is track)
        return (self._units[-1][1].dts - first.dts) / track.timescale
