"""Cuts units into parts and segments (RFC 8216bis, sections 4.4.4.9 and 6.2.2).

Sound and picture share one fragment. The clock is the video's, or the audio's where there is no
video. A part ends when the unit comes that would cross the part target, so its duration is exact;
a segment ends at a key frame. Both tile the clock: each begins where the one before ended.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from madang.live.demux import Tracks
from madang.media.track import AccessUnit, Track

LONGEST_KEY_INTERVAL: Final = 10.0
"""Seconds assumed between key frames where the second did not come in time: encoders left on
automatic send one every 250 frames."""

LEAST_TARGET_DURATION: Final = 4
"""Seconds. The target duration cannot change during a show; this leaves room for a late key
frame."""

ROUNDING: Final = Fraction(2, 1000)
"""Seconds by which stamps in whole milliseconds can make a part longer than its frames."""

STALL: Final = 0.5
"""Seconds by which sound may run ahead of the picture before parts are cut without it: encoders
drop frames when the uplink is slow, and the sound should go on."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """Parameters of cutting, fixed for the life of a stream: players rely on them.

    `rate` is ticks per second of the clock track; `frame`, `part` and `segment` are in its ticks:
    the usual duration of a unit, the part target, the shortest segment. `target_duration` is in
    seconds.
    """

    rate: int
    frame: int
    part: int
    segment: int
    target_duration: int

    @property
    def part_target(self) -> float:
        """The part target in seconds, as playlists state it."""
        return math.ceil(self.part * 1000 / self.rate) / 1000

    def at_rate(self, rate: int) -> Cutting:
        """Return the same durations in ticks of another clock track."""
        if rate == self.rate:
            return self
        return Cutting(
            rate,
            max(1, self.frame * rate // self.rate),
            self.part * rate // self.rate,
            self.segment * rate // self.rate,
            self.target_duration,
        )

    @property
    def longest_segment(self) -> int:
        """Longest segment in ticks: EXTINF, rounded, must not exceed the target duration (section
        4.4.3.1).

        Rounding leaves half a second, which regular key frames may need a little of.
        """
        return self.target_duration * self.rate + self.rate // 4


def measure(
    tracks: Tracks, units: Sequence[AccessUnit], part_target: float, segment: float
) -> Cutting:
    """Choose how to cut a stream from its first `units` on the clock track.

    Parts hold as many whole frames as come nearest to `part_target` seconds; segments end at the
    first key frame after `segment` seconds.
    """
    clock = tracks.video or tracks.audio
    assert clock is not None  # tracks are announced when there is one
    rate = clock.timescale
    if tracks.video is None:
        frame = max(1, statistics.median_low([unit.duration for unit in units] or [rate // 50]))
        interval = 0.0
    else:
        steps = [later.dts - unit.dts for unit, later in itertools.pairwise(units)]
        # The mean of the usual steps: the median of 33, 33 and 34 ms is not the frame duration.
        middle = statistics.median_low(steps) if steps else rate // 30
        usual = [step for step in steps if step < 2 * middle]
        frame = max(1, round(statistics.fmean(usual))) if usual else middle
        keys = [unit.dts for unit in units if unit.key]
        interval = (keys[1] - keys[0]) / rate if len(keys) > 1 else LONGEST_KEY_INTERVAL
    count = max(1, round(part_target * rate / frame))
    return Cutting(
        rate=rate,
        frame=frame,
        part=count * frame + math.ceil(ROUNDING * rate),
        segment=round(segment * rate) - frame // 2,
        target_duration=max(LEAST_TARGET_DURATION, math.ceil(segment) + math.ceil(interval - 0.05)),
    )


@dataclass(frozen=True, slots=True)
class PartCut:
    """A finished part: `start` and `end` in ticks of the clock track, units by track.

    `independent` is true where decoding can begin with it.
    """

    start: int
    end: int
    units: tuple[tuple[AccessUnit, ...], ...]
    independent: bool


@dataclass(frozen=True, slots=True)
class SegmentCut:
    """The segment of the parts so far is complete. The next one begins at `start`."""

    start: int


Cut = PartCut | SegmentCut


@dataclass(slots=True)
class Segmenter:
    """Cuts units, in the order of their arrival, into parts and segments."""

    tracks: Tracks
    cutting: Cutting
    _queues: list[list[AccessUnit]] = field(default_factory=list)
    _part_start: int | None = None
    _segment_start: int = 0
    _parts_in_segment: int = 0
    _key_first: bool = True  # the segment begins with a key frame

    def __post_init__(self) -> None:
        self._queues = [[] for _ in self.tracks.all]

    def add(self, track: Track, unit: AccessUnit) -> list[Cut]:
        """Take a unit of `track`, which is one of the stream's."""
        if track is self.tracks.video:
            return self._add_video(unit)
        if self.tracks.video is None:
            return self._add_clock(unit, unit.dts + unit.duration)
        if self._part_start is None:
            return []  # nothing can be shown before the first key frame
        cuts = self._cut_without_video(unit)
        self._queues[1].append(unit)
        return cuts

    def flush(self) -> list[Cut]:
        """Cut the queued units: the encoder left, or the tracks change."""
        if self._part_start is None:
            return []
        cuts: list[Cut] = []
        while any(self._queues):
            end = min(self._queued_until(), self._part_start + self.cutting.part)
            end = max(end, self._part_start + 1)
            # A little sound behind the last picture belongs to its part.
            everything = self._heard_until() <= end + self.cutting.part * bool(self._queues[0])
            if everything or self._something_before(end):
                cuts += self._cut_part(end, everything=everything)
            else:
                self._part_start = end
        if self._parts_in_segment:
            cuts.append(self._cut_segment(self._part_start))
        self._part_start = None
        for queue in self._queues:
            queue.clear()
        return cuts

    def _add_video(self, unit: AccessUnit) -> list[Cut]:
        if self._part_start is None and not unit.key:
            return []
        return self._add_clock(unit, unit.dts + self.cutting.frame)

    def _add_clock(self, unit: AccessUnit, end: int) -> list[Cut]:
        """Take a unit of the clock track, which will probably end at `end`."""
        cutting = self.cutting
        if self._part_start is None:
            self._part_start = self._segment_start = unit.dts
            self._key_first = True
        cuts: list[Cut] = []
        # Where a key frame came too late for one segment, the next one ends at it: players can
        # only begin where a segment begins with a key frame.
        long_enough = unit.dts - self._segment_start >= cutting.segment or not self._key_first
        new_segment = (unit.key and long_enough) or (
            end - self._segment_start > cutting.longest_segment
        )
        while self._part_start < unit.dts and (
            new_segment or end - self._part_start > cutting.part
        ):
            part_end = min(unit.dts, self._part_start + cutting.part)
            if self._something_before(part_end):
                cuts += self._cut_part(part_end)
            else:
                self._part_start = unit.dts  # a hole: nothing lies between the parts
        # What came late, after its part, and still waits belongs to the segment before.
        if new_segment and self._parts_in_segment and not self._queues[0]:
            cuts.append(self._cut_segment(self._part_start))
            self._key_first = unit.key
        self._queues[0].append(unit)
        return cuts

    def _cut_without_video(self, unit: AccessUnit) -> list[Cut]:
        """Cut parts by the sound's time while the picture stalls."""
        assert self.tracks.audio is not None
        assert self._part_start is not None
        cutting = self.cutting
        at = unit.dts * cutting.rate // self.tracks.audio.timescale
        cuts: list[Cut] = []
        while at > self._part_start + cutting.part + STALL * cutting.rate:
            end = self._part_start + cutting.part // cutting.frame * cutting.frame
            if self._something_before(end):
                cuts += self._cut_part(end)
            else:
                self._part_start = end
        return cuts

    def _something_before(self, end: int) -> bool:
        """Tell whether a part that ends at `end` has any units."""
        if self._queues[0]:
            return True
        return (
            len(self._queues) > 1
            and bool(self._queues[1])
            and (self._queues[1][0].dts < self._in_samples(end))
        )

    def _queued_until(self) -> int:
        """Return the end of the queued units, by the sound while the clock track stalls."""
        if self._queues[0]:
            last = self._queues[0][-1]
            return last.dts + (last.duration or self.cutting.frame)
        return self._heard_until()

    def _heard_until(self) -> int:
        """Return the end of the queued sound beside a picture, 0 without any."""
        if len(self._queues) < 2 or not self._queues[1]:
            return 0
        assert self.tracks.audio is not None
        last = self._queues[1][-1]
        return (last.dts + last.duration) * self.cutting.rate // self.tracks.audio.timescale

    def _in_samples(self, instant: int) -> int:
        assert self.tracks.audio is not None
        return instant * self.tracks.audio.timescale // self.cutting.rate

    def _cut_part(self, end: int, *, everything: bool = False) -> list[Cut]:
        assert self._part_start is not None
        cuts: list[Cut] = []
        if end - self._segment_start > self.cutting.longest_segment and self._parts_in_segment:
            cuts.append(self._cut_segment(self._part_start))
            self._key_first = False
        units = [tuple(self._queues[0])]
        self._queues[0].clear()
        if len(self._queues) > 1:
            units.append(self._take_audio(end, everything))
        first = units[0][:1]
        cuts.append(PartCut(self._part_start, end, tuple(units), bool(first) and first[0].key))
        self._part_start = end
        self._parts_in_segment += 1
        return cuts

    def _take_audio(self, end: int, everything: bool) -> tuple[AccessUnit, ...]:
        """Return the sound up to `end`: what an encoder sent ahead belongs to the next part."""
        queue = self._queues[1]
        limit = self._in_samples(end)
        count = len(queue)
        while count and not everything and queue[count - 1].dts >= limit:
            count -= 1
        taken = tuple(queue[:count])
        del queue[:count]
        return taken

    def _cut_segment(self, start: int) -> SegmentCut:
        self._segment_start = start
        self._parts_in_segment = 0
        return SegmentCut(start)
