"""One show of a channel, from the first tag to its end, through reconnects and takeovers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from madang.live.advice import Advice, advise
from madang.live.advice_conditions import Observed
from madang.live.demux import AudioFrame, Demuxed, Demuxer, Notice, Tracks, VideoFrame
from madang.live.events import (
    Interrupted,
    RenditionEnded,
    Resumed,
    ShowEnded,
    ShowEvent,
    ShowOpened,
)
from madang.live.faults import Faults
from madang.live.files import CachedPlaylist
from madang.live.flv_feed import FlvFeed
from madang.live.interleaver import Arrival, Interleaver
from madang.live.meter import Meter
from madang.live.opening import Opening
from madang.live.program_dates import ProgramDates
from madang.live.rendition import SOURCE, Mark, Rendition, TranscodedRendition
from madang.live.segmenter import Cut, Cutting, PartCut, Segmenter
from madang.live.timeline import Jump, Timeline
from madang.live.variants import multivariant
from madang.live.window import Window
from madang.media.track import AccessUnit, VideoTrack
from madang.wire.flv import Tag, TagType
from madang.wire.fmp4 import TrackRun, fragment, init_segment
from madang.wire.hls import RenditionReport

State = Literal["starting", "live", "interrupted", "ended"]


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """Settings of cutting and of the window, in seconds. An encoder may be away for `grace`."""

    part_target: float = 0.33
    segment: float = 2.0
    window: float = 30.0
    grace: float = 30.0


MAX_NAMED_NOTICES: Final = 20
"""Notices reported per publisher; the many of a damaged stream are alike."""


@dataclass(slots=True)
class Show:
    """A state machine without sockets and clocks: `now` is a monotonic clock in seconds.

    `epoch` goes into the names of files, `first_msn` is the first media sequence number,
    `wall_offset` turns `now` into seconds since 1970.
    """

    settings: LiveSettings
    epoch: str
    first_msn: int
    wall_offset: float
    state: State = "starting"
    tracks: Tracks | None = None
    frames: int = 0
    part_lag: float = 0.0
    """Seconds from the arrival of the last part's first unit to the part's publication."""
    meter: Meter = field(default_factory=Meter)
    feed: FlvFeed = field(default_factory=FlvFeed)
    source: Rendition | None = None
    followers: dict[str, TranscodedRendition] = field(default_factory=dict)
    _demuxer: Demuxer = field(default_factory=Demuxer)
    _timeline: Timeline = field(default_factory=Timeline)
    _dates: ProgramDates = field(init=False)
    _opening: Opening = field(init=False)
    _interleaver: Interleaver = field(default_factory=Interleaver)
    _segmenter: Segmenter | None = None
    _part_began: float | None = None
    _given_up_at: float | None = None
    _publisher_there: bool = False
    _key_unit: tuple[VideoTrack, AccessUnit] | None = None
    _notices: int = 0
    _windows_made: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._dates = ProgramDates(self.wall_offset)
        self._opening = Opening(self.settings.part_target, self.settings.segment)

    # --- input ---

    def publisher_connected(self, now: float) -> list[ShowEvent]:
        """Let an encoder begin, come back, or take over from another."""
        events: list[ShowEvent] = []
        if self._publisher_there:
            events += self._break_off(now)
        self._timeline.restart()
        self._part_began = None
        self.meter.restart()
        self._dates.restart()
        self._notices = 0
        self._publisher_there = True
        self._given_up_at = None
        if self.state == "interrupted":
            self.state = "live" if self.source is not None else "starting"
            events.append(Resumed())
        return events

    def receive(self, tag_type: TagType, stamp: int, body: bytes, now: float) -> list[ShowEvent]:
        """Take an audio or video tag; `stamp` in milliseconds modulo 2**32.

        Tags without a connected publisher are ignored.
        """
        if not self._publisher_there:
            return []
        self.meter.received(len(body), now)
        events: list[ShowEvent] = []
        for item in self._demuxer.receive(tag_type, stamp, body, now):
            self._take(item, now, events)
        return events

    def publisher_gone(self, now: float) -> list[ShowEvent]:
        """Note that the encoder left or was lost; it has the grace period to come back."""
        if not self._publisher_there or self.state == "ended":
            return []
        self._publisher_there = False
        self.state = "interrupted"
        self._given_up_at = now + self.settings.grace
        return [*self._break_off(now), Interrupted()]

    def end(self, now: float) -> list[ShowEvent]:
        """End the show."""
        if self.state == "ended":
            return []
        events = self._break_off(now)
        self._publisher_there = False
        self.state = "ended"
        self._given_up_at = None
        if self.source is not None:
            events += self.source.end()
        for follower in self.followers.values():
            events += follower.end()
        return [*events, ShowEnded()]

    def deadline(self) -> float | None:
        """Return when to call `tick`, None where nothing is pending."""
        times = [self._demuxer.deadline(), self._given_up_at, self._opening.deadline()]
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> list[ShowEvent]:
        """Handle the deadlines that have passed: a missing track, the opening, the grace period."""
        if self._given_up_at is not None and now >= self._given_up_at:
            return self.end(now)
        events: list[ShowEvent] = []
        for item in self._demuxer.tick(now):
            self._take(item, now, events)
        if self._opening.due(now):
            self._open(events)
        return events

    def add_rendition(self, name: str) -> None:
        """Add a rendition that a transcoder makes of the feed. The show must be open."""
        assert self.source is not None
        window = self._new_window(name, self.source.cutting, 0)
        timeline = Timeline.following(self._timeline.newest)
        self.followers[name] = TranscodedRendition(
            name, self.source.cutting, window, self._dates, timeline
        )

    def receive_transcoded(self, name: str, tag: Tag, now: float) -> list[ShowEvent]:
        """Take a tag of the transcoder that makes the rendition `name`."""
        follower = self.followers.get(name)
        if follower is None or self.state == "ended":
            return []
        return list(follower.receive(tag, now))

    def drop_rendition(self, name: str) -> list[ShowEvent]:
        """End a rendition whose transcoder ended; after the end of the show it stays."""
        if self.state == "ended" or (follower := self.followers.pop(name, None)) is None:
            return []
        return [*follower.end(), RenditionEnded(name)]

    # --- queries ---

    def renditions(self) -> dict[str, Rendition]:
        """Return the renditions that can be played, the source first."""
        found = {name: self._rendition(name) for name in (SOURCE, *self.followers)}
        return {name: each for name, each in found.items() if each is not None}

    def windows(self) -> dict[str, Window]:
        """Return the windows of the renditions that can be played."""
        return {name: rendition.window for name, rendition in self.renditions().items()}

    def window(self, name: str) -> Window | None:
        """Return the window of a rendition, None where it cannot be played."""
        rendition = self._rendition(name)
        return rendition.window if rendition is not None else None

    def _rendition(self, name: str) -> Rendition | None:
        if name == SOURCE:
            return self.source
        follower = self.followers.get(name)
        if follower is None or follower.window.edge is None:
            return None
        return follower.rendition

    def playlist(self) -> CachedPlaylist | None:
        """Return the multivariant playlist, None before the show has opened."""
        renditions = self.renditions()
        return CachedPlaylist(multivariant(renditions)) if renditions else None

    def advice(self, now: float, *, recording_stopped: bool = False) -> tuple[Advice, ...]:
        """Return advice to the broadcaster, while the encoder is there."""
        faults = self.faults()
        if not self._publisher_there or (self.tracks is None and faults == Faults()):
            return ()
        tracks = self.tracks or Tracks(None, None)
        measured = self.meter.measurement(now)
        return advise(Observed(tracks, measured, self.frames, faults, recording_stopped))

    def key_frame_wait(self, now: float) -> float:
        """Return for how many seconds newcomers have seen nothing; 0 where they need not wait."""
        measured = self.meter.measurement(now)
        waits = self._publisher_there and measured.key_frame_overdue
        return measured.since_key_frame if waits else 0.0

    def faults(self) -> Faults:
        """Return the faults of the media."""
        return replace(
            self._demuxer.faults(),
            sound_lateness=self._interleaver.sound_lateness,
            sound_unstamped=self._timeline.sound_unstamped,
        )

    def thumbnail_source(self) -> bytes | None:
        """Return an fMP4 with the last key frame, None without one."""
        if self._key_unit is None:
            return None
        track, unit = self._key_unit
        still = AccessUnit(0, 0, True, unit.data)
        return init_segment([track]) + fragment(1, [TrackRun(1, [still], track.timescale)])

    # --- inside ---

    def _take(self, item: Demuxed, now: float, events: list[ShowEvent]) -> None:
        match item:
            case VideoFrame():
                if self.tracks is not None and self.tracks.video is not None:
                    track = self.tracks.video
                    unit, jump = self._timeline.place_video(item, track)
                    self._note_jump(jump)
                    self._dates.note(self._timeline.newest / 1000, item.arrived)
                    at = unit.dts / track.timescale
                    self.meter.clock(at, item.arrived)
                    composition = item.composition / 1000
                    self.meter.picture(at, item.arrived, key=item.key, composition=composition)
                    self.frames += 1
                    if item.key:
                        self._key_unit = (track, unit)
                    arrivals = self._interleaver.add(track, unit, item.arrived)
                    self._add(arrivals, item.arrived, events)
            case AudioFrame():
                if self.tracks is not None and self.tracks.audio is not None:
                    sound = self.tracks.audio
                    audio_unit, jump = self._timeline.place_audio(item, sound)
                    self._note_jump(jump)
                    if audio_unit is not None:
                        self._dates.note(self._timeline.newest / 1000, item.arrived)
                        if self.tracks.video is None:
                            self.meter.clock(audio_unit.dts / sound.timescale, item.arrived)
                        arrivals = self._interleaver.add(sound, audio_unit, item.arrived)
                        self._add(arrivals, item.arrived, events)
            case Tracks():
                self._begin_tracks(item, now, events)
            case Notice():
                if item.code == "damaged_media":
                    self.meter.damaged += 1
                self._notices += 1
                if self._notices <= MAX_NAMED_NOTICES:
                    events.append(item)

    def _begin_tracks(self, tracks: Tracks, now: float, events: list[ShowEvent]) -> None:
        self._add(self._interleaver.flush(), now, events)
        self._interleaver = Interleaver()
        if self.tracks is None or (self.tracks.video is None) is not (tracks.video is None):
            self.meter.clock_replaced()
        before, self.tracks = self.tracks, tracks
        self.feed.begin_tracks(tracks, self._demuxer.headers())
        if self.source is None:
            self._opening.change(before, tracks)
        else:
            self._change_source(self.source, tracks, events)

    def _change_source(self, source: Rendition, tracks: Tracks, events: list[ShowEvent]) -> None:
        if self._segmenter is not None:
            self._cut(self._segmenter.flush(), events)
        clock = tracks.video or tracks.audio
        assert clock is not None
        events += source.change(tracks, clock.timescale)
        self._segmenter = Segmenter(tracks, source.cutting)

    def _add(self, arrivals: list[Arrival], now: float, events: list[ShowEvent]) -> None:
        for arrival in arrivals:
            track, unit = arrival.track, arrival.unit
            if isinstance(track, VideoTrack):
                self.feed.append_video(track, unit)
            else:
                self.feed.append_audio(track, unit)
            if self._segmenter is not None:
                if self._part_began is None:
                    self._part_began = arrival.arrived
                cuts = self._segmenter.add(track, unit)
                if cuts:
                    self.part_lag = now - self._part_began
                    self._part_began = arrival.arrived
                    self._cut(cuts, events)
            elif self.tracks is not None:
                self._opening.add(self.tracks, track, unit, now)
                if self._opening.due(now):
                    self._open(events)

    def _open(self, events: list[ShowEvent]) -> None:
        """Fix how the stream is cut, and bring the buffered units into the window."""
        if self.tracks is None:
            return
        cutting, units = self._opening.close(self.tracks)
        window = self._new_window(SOURCE, cutting, self.first_msn)
        tracks = units[0].tracks if units else self.tracks
        source = self.source = Rendition(SOURCE, tracks, cutting, window, self._dates)
        self._segmenter = Segmenter(tracks, cutting)
        self.state = "live"
        events.append(ShowOpened())
        for buffered in units:
            if buffered.tracks is not tracks:
                tracks = buffered.tracks
                self._change_source(source, tracks, events)
            self._cut(self._segmenter.add(buffered.track, buffered.unit), events)
        if tracks is not self.tracks:
            self._change_source(source, self.tracks, events)

    def _cut(self, cuts: list[Cut], events: list[ShowEvent]) -> None:
        source = self.source
        if source is None:
            return
        for cut in cuts:
            if isinstance(cut, PartCut):
                mark = Mark(cut.start, cut.end, discontinuity=source.discontinuity_due)
            else:
                mark = Mark(cut.start, cut.start, msn=source.window.next_msn)
            events += source.apply(cut)
            for follower in self.followers.values():
                follower.mark(mark)

    def _break_off(self, now: float) -> list[ShowEvent]:
        """End the stream of this publisher. Units buffered before the opening are dropped."""
        events: list[ShowEvent] = []
        self._demuxer = Demuxer()
        self._opening.clear()
        if self._segmenter is not None:
            self._add(self._interleaver.flush(), now, events)
            self._cut(self._segmenter.flush(), events)
        self._interleaver = Interleaver()
        return events

    def _new_window(self, name: str, cutting: Cutting, first_msn: int) -> Window:
        started = self._windows_made[name]
        self._windows_made[name] += 1
        return Window(
            # Parts of an earlier transcoder have had the names of this epoch.
            f"{self.epoch}.{started}" if started else self.epoch,
            cutting.part_target,
            cutting.target_duration,
            self.settings.window,
            first_msn,
            lambda: self._reports(name),
        )

    def _reports(self, name: str) -> tuple[RenditionReport, ...]:
        reports = []
        for other, window in self.windows().items():
            edge = window.edge
            if other != name and edge is not None:
                reports.append(RenditionReport(f"../{other}/media.m3u8", *edge))
        return tuple(reports)

    def _note_jump(self, jump: Jump | None) -> None:
        if jump is not None:
            self.meter.jumped()
            self._dates.restart()
