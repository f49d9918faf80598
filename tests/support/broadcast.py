"""Encoders and viewers for shows, without sockets: tags as a publisher sends them, and a reader
that keeps all that a window ever listed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

from madang.live.demux import Notice
from madang.live.events import (
    InitChanged,
    PartAdded,
    RenditionEnded,
    SegmentEnded,
    ShowEnded,
    ShowEvent,
    ShowOpened,
)
from madang.live.files import CachedPlaylist, MediaFile
from madang.live.rendition import SOURCE
from madang.live.show import LiveSettings, Show
from madang.live.window import Ready, Window
from madang.media.track import AccessUnit, Codec
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_audio,
    encode_video,
)
from madang.wire.hls import MediaPlaylist, Segment, parse_media
from tests.support.fmp4 import read_fragment
from tests.support.samples import sample

WALL = 1_800_000_000.0
"""Seconds since 1970 at which the monotonic clock of these tests is 0."""

FIRST_MSN = 100
"""The sequence number at which the shows of these tests begin."""

SAMPLE_RATE = 48_000
AAC_SAMPLES = 1024


def video_header(stamp: int = 0, config: bytes | None = None) -> Tag:
    """The sequence header of real H.264."""
    data = config if config is not None else sample("bundled", "avc").config
    packet = VideoPacket(PacketKind.CONFIG, Codec.AVC, True, 0, 0, 0, data)
    return Tag(TagType.VIDEO, stamp, encode_video(packet))


def audio_header(stamp: int = 0, config: bytes | None = None) -> Tag:
    """The sequence header of real AAC."""
    data = config if config is not None else sample("bundled", "aac").config
    packet = AudioPacket(PacketKind.CONFIG, Codec.AAC, 0, 0, data)
    return Tag(TagType.AUDIO, stamp, encode_audio(packet))


def picture(stamp: int, number: int, *, key: bool, composition: int = 0) -> Tag:
    """A frame of H.264 that nobody could decode, unlike any other."""
    data = struct.pack(">IBI", 5 + number % 7, 0x65 if key else 0x41, number) + bytes(number % 7)
    packet = VideoPacket(PacketKind.FRAME, Codec.AVC, key, composition, 0, 0, data)
    return Tag(TagType.VIDEO, stamp, encode_video(packet))


def sound(stamp: int, number: int) -> Tag:
    """A frame of AAC that nobody could decode, unlike any other."""
    packet = AudioPacket(
        PacketKind.FRAME, Codec.AAC, 0, 0, struct.pack(">I", number) + bytes(number % 5)
    )
    return Tag(TagType.AUDIO, stamp, encode_audio(packet))


def payload(tag: Tag) -> bytes:
    """The coded data in a tag of `picture` or `sound`."""
    return tag.body[5:] if tag.type is TagType.VIDEO else tag.body[2:]


@dataclass(frozen=True, slots=True)
class Sent:
    """A tag, and when it is sent in seconds after the encoder began."""

    at: float
    tag: Tag


@dataclass(frozen=True, slots=True)
class Encoder:
    """Settings of an encoder. Times in milliseconds but for `gop`, which is in seconds."""

    rate: Fraction | None = Fraction(30)
    gop: float = 2.0
    audio: bool = True
    start: int = 0
    audio_later: int = 0
    jitter: Callable[[], int] = int
    composition: int = 0

    def headers(self) -> list[Sent]:
        tags = []
        if self.rate is not None:
            tags.append(Sent(0.0, video_header(self.start)))
        if self.audio:
            tags.append(Sent(0.0, audio_header(self.start)))
        return tags

    def frames(self, seconds: float, begin: float = 0.0) -> list[Sent]:
        """Frames from `begin` on, in the order of sending. Stamps are rounded to milliseconds."""
        sent: list[Sent] = []
        if self.rate is not None:
            per_gop = max(1, round(self.gop * self.rate))
            for number in _numbers(self.rate, begin, seconds):
                at = float(number / self.rate)
                key = number % per_gop == 0
                tag = picture(self._stamp(at), number, key=key, composition=self.composition)
                sent.append(Sent(at, tag))
        if self.audio:
            rate = Fraction(SAMPLE_RATE, AAC_SAMPLES)
            for number in _numbers(rate, begin, seconds):
                at = float(number / rate)
                sent.append(Sent(at + self.audio_later / 1000, sound(self._stamp(at), number)))
        return sorted(sent, key=lambda item: item.at)

    def stream(self, seconds: float) -> list[Sent]:
        """Headers and frames."""
        return self.headers() + self.frames(seconds)

    def _stamp(self, at: float) -> int:
        return (self.start + round(at * 1000) + self.jitter()) % (1 << 32)


def _numbers(rate: Fraction, begin: float, seconds: float) -> range:
    return range(-int(-rate * Fraction(begin) // 1), -int(-rate * Fraction(begin + seconds) // 1))


def shifted(sent: Iterable[Sent], milliseconds: int) -> list[Sent]:
    """The same with other stamps, as a clock that was set leaves them."""
    return [
        replace(
            item,
            tag=replace(item.tag, timestamp=(item.tag.timestamp + milliseconds) % (1 << 32)),
        )
        for item in sent
    ]


def new_show(**settings: float) -> Show:
    """A show that nobody publishes to yet, and whose window forgets nothing in a test."""
    return Show(LiveSettings(**{"window": 1e6, **settings}), "e", FIRST_MSN, WALL)


@dataclass(slots=True)
class Viewer:
    """Reads a window's playlist when told, and keeps every segment, part and init section."""

    segments: dict[int, Segment] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    playlist: MediaPlaylist | None = None

    def look(self, window: Window) -> MediaPlaylist:
        self.playlist = parse_media(ready(window).body.decode())
        for msn, segment in enumerate(self.playlist.segments, self.playlist.media_sequence):
            known = self.segments.get(msn)
            if known is not None and known.complete:
                continue
            self.segments[msn] = segment
            for name in (segment.map_uri, *(part.uri for part in segment.parts)):
                if name is not None and name not in self.files:
                    found = window.file(name)
                    assert isinstance(found, MediaFile)
                    self.files[name] = found.body
        return self.playlist

    def units(self, msn: int) -> list[dict[int, list[AccessUnit]]]:
        """The units by track id of each part of a segment."""
        return [read_fragment(self.files[part.uri]) for part in self.segments[msn].parts]

    def all_units(self) -> dict[int, list[AccessUnit]]:
        """The units by track id of all that was seen."""
        found: dict[int, list[AccessUnit]] = {}
        for msn in sorted(self.segments):
            for part in self.units(msn):
                for track_id, units in part.items():
                    found.setdefault(track_id, []).extend(units)
        return found


@dataclass(slots=True)
class Broadcast:
    """A show, its publisher, and one viewer who misses nothing. `now` is where the clock is."""

    show: Show = field(default_factory=new_show)
    viewer: Viewer = field(default_factory=Viewer)
    events: list[ShowEvent] = field(default_factory=list)
    now: float = 50.0
    began: float = 50.0

    def connect(self) -> list[ShowEvent]:
        """A publisher comes; what it sends counts from now."""
        self.began = self.now
        return self.note(self.show.publisher_connected(self.now))

    def send(self, sent: Sequence[Sent]) -> list[ShowEvent]:
        """Let the publisher send at its pace, the timers running. Return what happened."""
        events: list[ShowEvent] = []
        for item in sent:
            events += self.wait_until(self.began + item.at)
            tag = item.tag
            events += self.note(self.show.receive(tag.type, tag.timestamp, tag.body, self.now))
        return events

    def wait_until(self, now: float) -> list[ShowEvent]:
        """Let time pass."""
        events: list[ShowEvent] = []
        while (deadline := self.show.deadline()) is not None and deadline <= now:
            self.now = max(self.now, deadline)
            events += self.note(self.show.tick(self.now))
            assert self.show.deadline() != deadline, "a timer that is not taken up"
        self.now = max(self.now, now)
        return events

    def leave(self) -> list[ShowEvent]:
        return self.note(self.show.publisher_gone(self.now))

    def end(self) -> list[ShowEvent]:
        """Let the publisher leave, whose last parts are listed for this moment, and end."""
        events = self.leave() + self.note(self.show.end(self.now))
        check_events(self.events, SOURCE, self.viewer)
        return events

    def notices(self) -> list[Notice]:
        """Return what was said of the media so far."""
        return [event for event in self.events if isinstance(event, Notice)]

    def note(self, events: list[ShowEvent]) -> list[ShowEvent]:
        self.events += events
        if any(isinstance(e, PartAdded | SegmentEnded) and e.rendition == SOURCE for e in events):
            self.viewer.look(self.window)
        return events

    @property
    def window(self) -> Window:
        assert self.show.source is not None
        return self.show.source.window


def ready(window: Window, *, skip: bool = False) -> CachedPlaylist:
    """The playlist as it is now."""
    answer = window.answer(None, None, skip=skip)
    assert isinstance(answer, Ready)
    return answer.playlist


def broadcast(encoder: Encoder, seconds: float, **settings: float) -> Broadcast:
    """A whole show of one publisher, ended."""
    made = Broadcast(new_show(**settings))
    made.connect()
    made.send(encoder.stream(seconds))
    made.end()
    return made


def begun(encoder: Encoder, seconds: float, **settings: float) -> Broadcast:
    """A show that is on the air."""
    made = Broadcast(new_show(**settings))
    made.connect()
    made.send(encoder.stream(seconds))
    return made


def segments(made: Broadcast) -> list[Segment]:
    """All that was listed."""
    return [made.viewer.segments[msn] for msn in sorted(made.viewer.segments)]


def check_events(events: Sequence[ShowEvent], rendition: str, viewer: Viewer) -> None:
    """The events of a rendition say, in order, all that a viewer of its playlist saw.

    `viewer` has missed nothing. The rendition or the show has ended.
    """
    opened = events.index(ShowOpened())
    ends = (ShowEnded(), RenditionEnded(rendition))
    over = min(events.index(end) for end in ends if end in events)
    of_media = (InitChanged, PartAdded, SegmentEnded)
    ours = [e for e in events if isinstance(e, of_media) and e.rendition == rendition]
    if not ours:
        assert not viewer.segments
        return
    assert opened < events.index(ours[0])
    assert max(i for i, event in enumerate(events) if event is ours[-1]) < over
    assert isinstance(ours[0], InitChanged)
    assert isinstance(ours[-1], SegmentEnded)
    served: list[bytes] = []
    reported: list[bytes] = []
    init = ""
    for msn in sorted(viewer.segments):
        segment = viewer.segments[msn]
        assert segment.map_uri is not None
        if segment.map_uri != init:
            init = segment.map_uri
            served.append(viewer.files[init])
        served += [viewer.files[part.uri] for part in segment.parts]
    growing: list[PartAdded] = []
    ended: list[SegmentEnded] = []
    for event in ours:
        match event:
            case InitChanged(_, file, tracks):
                assert not growing
                assert tracks.all
                reported.append(file.body)
            case PartAdded():
                reported.append(event.file.body)
                check_part(event, growing, viewer.segments[event.msn])
                growing.append(event)
            case SegmentEnded():
                segment = viewer.segments[event.msn]
                assert event.msn == growing[0].msn
                assert event.parts == len(growing) == len(segment.parts)
                assert event.duration == sum(part.duration for part in growing)
                assert event.date == growing[0].date
                assert event.discontinuity == growing[0].discontinuity == segment.discontinuity
                ended.append(event)
                growing = []
    assert not growing
    assert reported == served
    assert [event.msn for event in ended] == sorted(viewer.segments)


def check_part(event: PartAdded, before: list[PartAdded], segment: Segment) -> None:
    """A part is what the playlist says of it, and follows on those `before` in its segment."""
    part = segment.parts[event.index]
    assert event.index == len(before)
    assert event.file.name == part.uri
    assert event.independent == part.independent
    assert abs(event.duration - part.duration) < 1e-5
    assert event.discontinuity == (segment.discontinuity and not before)
    assert segment.program_date_time is not None
    passed = (event.date - segment.program_date_time).total_seconds()
    assert abs(passed - sum(earlier.duration for earlier in before)) < 1e-3
    assert all(earlier.msn == event.msn for earlier in before)


def check_contiguous(made: Broadcast) -> None:
    """Nothing is missing among the sequence numbers, and times rise."""
    numbers = sorted(made.viewer.segments)
    assert numbers == list(range(FIRST_MSN, FIRST_MSN + len(numbers)))
    for units in made.viewer.all_units().values():
        assert all(earlier.dts < later.dts for earlier, later in pairwise(units))
