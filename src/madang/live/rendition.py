"""Renditions: the source, and those that a transcoder makes. Cuts become fragments in a window."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from madang.live.demux import AudioFrame, Demuxer, Tracks, VideoFrame
from madang.live.events import InitChanged, PartAdded, RenditionEvent, SegmentEnded
from madang.live.program_dates import ProgramDates
from madang.live.segmenter import Cut, Cutting, PartCut, SegmentCut
from madang.live.timeline import Timeline
from madang.live.window import Window, WindowSegment
from madang.media.track import AccessUnit, AudioTrack, VideoTrack
from madang.wire.flv import Tag
from madang.wire.fmp4 import TrackRun, fragment, init_segment

SOURCE: Final = "source"
"""Name of the rendition that the encoder sends."""

_SEQUENCE_WRAP: Final = 1 << 32


STEPS: Final = 64
"""Steps between pictures of which the frame rate is the mean."""

SAME_RATE: Final = 0.02
"""Share by which a frame rate that was measured is off."""

HOLE: Final = 1.6
"""Usual steps from which a step has pictures missing in it."""


@dataclass(slots=True)
class FrameSteps:
    """Steps between the pictures of late, in ticks, in the order of decoding."""

    _steps: deque[int] = field(default_factory=lambda: deque(maxlen=STEPS))
    _last: int | None = None

    def note(self, units: Sequence[AccessUnit]) -> None:
        """Note the pictures of a part."""
        for unit in units:
            if self._last is not None:
                self._steps.append(unit.dts - self._last)
            self._last = unit.dts

    def restart(self) -> None:
        """Begin with other pictures."""
        self._steps.clear()
        self._last = None

    def usual(self) -> float | None:
        """Return the mean step without holes, None before the second picture."""
        if not self._steps:
            return None
        limit = HOLE * statistics.median_low(self._steps)
        return statistics.fmean(step for step in self._steps if step < limit)


@dataclass(slots=True)
class Rendition:
    """Muxes cuts into fragments and adds them to the window."""

    name: str
    tracks: Tracks
    cutting: Cutting
    window: Window
    dates: ProgramDates
    _frames: FrameSteps = field(default_factory=FrameSteps)
    _sequence: int = 0
    _discontinuity: bool = False
    _map_due: bool = True

    @property
    def discontinuity_due(self) -> bool:
        """True where the next part begins behind a discontinuity."""
        return self._discontinuity

    @property
    def frame_rate(self) -> float | None:
        """Frames per second of late, or as when the show opened; None without video."""
        if self.tracks.video is None:
            return None
        rate = self.cutting.rate / (self._frames.usual() or self.cutting.frame)
        stated = self.tracks.video.frame_rate
        # What the encoder states is exact, where it is true.
        return float(stated) if stated and abs(rate / stated - 1) < SAME_RATE else rate

    def change(self, tracks: Tracks, rate: int) -> list[RenditionEvent]:
        """Begin other tracks, or the same of another publisher, with the next part.

        `rate` is ticks per second of their clock track.
        """
        ended = self._ended(self.window.end_segment())
        self.tracks = tracks
        self.cutting = self.cutting.at_rate(rate)
        self._frames.restart()
        self._discontinuity = True
        self._map_due = True
        return ended

    def apply(self, cut: Cut) -> list[RenditionEvent]:
        """Add a cut to the window."""
        if isinstance(cut, SegmentCut):
            return self._ended(self.window.end_segment())
        events: list[RenditionEvent] = []
        if self._map_due:
            init = init_segment(self.tracks.all)
            file = self.window.set_map(init, discontinuity=self._discontinuity)
            if file is not None:
                events.append(InitChanged(self.name, file, self.tracks))
            self._map_due = self._discontinuity = False
        rate = self.cutting.rate
        if self.tracks.video is not None:
            self._frames.note(cut.units[0])
        body = fragment(self._sequence, self._runs(cut))
        self._sequence = (self._sequence + 1) % _SEQUENCE_WRAP
        duration = (cut.end - cut.start) / rate
        date = self.dates.date(cut.start / rate) if self.window.between_segments else None
        segment = self.window.add_part(body, duration, cut.independent, date)
        index = len(segment.parts) - 1
        events.append(
            PartAdded(
                self.name,
                segment.parts[-1].file,
                segment.msn,
                index,
                duration,
                segment.date + timedelta(seconds=segment.duration - duration),
                cut.independent,
                segment.discontinuity and not index,
            )
        )
        return events

    def end(self) -> list[RenditionEvent]:
        """End the stream."""
        return self._ended(self.window.end())

    def _ended(self, segment: WindowSegment | None) -> list[RenditionEvent]:
        if segment is None:
            return []
        count, duration = len(segment.parts), segment.duration
        return [
            SegmentEnded(
                self.name, segment.msn, count, duration, segment.date, segment.discontinuity
            )
        ]

    def _runs(self, cut: PartCut) -> list[TrackRun]:
        runs = []
        for number, (track, units) in enumerate(
            zip(self.tracks.all, cut.units, strict=True), start=1
        ):
            if units:
                runs.append(TrackRun(number, units, self._end(track, units[-1], cut.end)))
        return runs

    def _end(self, track: VideoTrack | AudioTrack, last: AccessUnit, end: int) -> int:
        if isinstance(track, AudioTrack):
            return last.dts + last.duration
        # A picture that stays because the next ones were lost has its usual duration here; one
        # that came late (after its part) has to have some.
        frame = max(self.cutting.frame, round(self._frames.usual() or 0))
        return end if last.dts < end <= last.dts + 3 * frame else last.dts + frame


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of the source, from `start` to `end` in ticks; `discontinuity` is true for the first
    part behind one. Where `msn` is set a segment ended instead, and the one of this number begins
    at `start`."""

    start: int
    end: int
    msn: int | None = None
    discontinuity: bool = False


@dataclass(slots=True)
class TranscodedRendition:
    """A rendition that a transcoder makes of the source, cut at the same instants.

    Its frames carry the common clock. It begins with the source's next segment, so that sequence
    numbers agree across renditions (RFC 8216bis, section 6.2.4).
    """

    name: str
    cutting: Cutting
    window: Window
    dates: ProgramDates
    timeline: Timeline
    rendition: Rendition | None = None
    _demuxer: Demuxer = field(default_factory=Demuxer)
    _tracks: Tracks | None = None
    _marks: deque[Mark] = field(default_factory=deque)
    _video: list[AccessUnit] = field(default_factory=list)
    _audio: list[AccessUnit] = field(default_factory=list)

    def mark(self, mark: Mark) -> None:
        """Note where the source was cut."""
        self._marks.append(mark)

    def receive(self, tag: Tag, now: float) -> list[RenditionEvent]:
        """Take a tag of the transcoder's."""
        events: list[RenditionEvent] = []
        for item in self._demuxer.receive(tag.type, tag.timestamp, tag.body, now):
            match item:
                case Tracks():
                    self._tracks = item
                    if self.rendition is not None:
                        events += self.rendition.change(item, self.cutting.rate)
                case VideoFrame() if self._tracks is not None and self._tracks.video is not None:
                    unit, _ = self.timeline.place_video(item, self._tracks.video)
                    events += self._cut_before(unit)
                    if self.rendition is not None:
                        self._video.append(unit)
                case AudioFrame() if self._tracks is not None and self._tracks.audio is not None:
                    sound, _ = self.timeline.place_audio(item, self._tracks.audio)
                    if sound is not None and self.rendition is not None:
                        self._audio.append(sound)
                case _:
                    pass  # a damaged tag of our own transcoder is counted where it is read
        return events

    def end(self) -> list[RenditionEvent]:
        """End the stream."""
        if self.rendition is not None:
            return self.rendition.end()
        self.window.end()
        return []

    def _cut_before(self, unit: AccessUnit) -> list[RenditionEvent]:
        """Cut at every mark that `unit` lies behind."""
        events: list[RenditionEvent] = []
        half = self.cutting.frame // 2
        while self._marks and unit.dts >= self._marks[0].end - half:
            mark = self._marks.popleft()
            if self.rendition is not None:
                events += self._cut(self.rendition, mark)
            elif mark.msn is not None and unit.key and unit.dts < mark.end + half:
                self._begin(mark.msn)
        return events

    def _begin(self, msn: int) -> None:
        assert self._tracks is not None
        self.window.next_msn = msn
        self.rendition = Rendition(self.name, self._tracks, self.cutting, self.window, self.dates)

    def _cut(self, rendition: Rendition, mark: Mark) -> list[RenditionEvent]:
        if mark.msn is not None:
            return rendition.apply(SegmentCut(mark.start))
        tracks = rendition.tracks
        events: list[RenditionEvent] = []
        if mark.discontinuity:
            # Renditions have theirs at the same places (RFC 8216bis, section 6.2.4).
            events += rendition.change(tracks, self.cutting.rate)
        units = [tuple(self._video)] if tracks.video is not None else []
        if tracks.audio is not None:
            units.append(self._take_audio(mark.end, tracks.audio))
        if any(units):
            independent = bool(self._video) and self._video[0].key
            events += rendition.apply(PartCut(mark.start, mark.end, tuple(units), independent))
        self._video.clear()
        return events

    def _take_audio(self, end: int, track: AudioTrack) -> tuple[AccessUnit, ...]:
        limit = end * track.timescale // self.cutting.rate
        taken = [unit for unit in self._audio if unit.dts < limit]
        del self._audio[: len(taken)]
        return tuple(taken)
