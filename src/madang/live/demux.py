"""FLV tags to tracks and frames. Tracks are found in the media; metadata are not used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.base.errors import ParseError
from madang.live.audio_input import AudioInput
from madang.live.faults import Faults
from madang.live.video_input import VideoInput
from madang.media.bits import UnplayableConfig
from madang.media.track import AudioTrack, Track, VideoTrack
from madang.wire.flv import (
    AudioPacket,
    TagType,
    UnsupportedCodec,
    VideoPacket,
    parse_audio,
    parse_video,
)

MISSING_TRACK: Final = 2.0
"""Seconds to wait for a second track after the first media: encoders send both at once, cameras
may take a while to start their microphone, and some streams have only one."""

NOTHING_CARRIED: Final = 5.0
"""Seconds after the first media in which something has to come that can be carried."""

LATE_KEY_FRAME: Final = 10.0
"""Seconds that other sound waits for a key frame; with intra-refresh none comes."""

MAX_PENDING: Final = 16 << 20
"""Bytes kept while waiting: more than two seconds of the fastest stream that is let in."""


@dataclass(frozen=True, slots=True)
class Tracks:
    """Tracks of the stream from here on; at least one of the two is not None."""

    video: VideoTrack | None
    audio: AudioTrack | None

    @property
    def all(self) -> tuple[Track, ...]:
        """Tracks in the order of their ids, which count from 1."""
        return tuple(track for track in (self.video, self.audio) if track is not None)


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A coded picture received at `arrived`. `stamp` is the tag's timestamp in milliseconds
    modulo 2**32, `nanos` what to add to it, `composition` milliseconds from decoding to showing."""

    arrived: float
    stamp: int
    nanos: int
    composition: int
    key: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """Coded sound of `samples` samples; the rest as for pictures."""

    arrived: float
    stamp: int
    nanos: int
    samples: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Notice:
    """A problem with the media, for the broadcaster: a code, and details in English."""

    code: str
    detail: str


Demuxed = Tracks | VideoFrame | AudioFrame | Notice


@dataclass(slots=True)
class Demuxer:
    """One publisher's stream. `now` is in seconds of a monotonic clock."""

    _video: VideoInput = field(default_factory=VideoInput)
    _audio: AudioInput = field(default_factory=AudioInput)
    _announced: Tracks | None = None
    _pending: list[VideoFrame | AudioFrame] = field(default_factory=list)
    _pending_bytes: int = 0
    _left_out: dict[TagType, tuple[str, str]] = field(default_factory=dict)
    _track_ids: dict[TagType, int] = field(default_factory=dict)
    _several: set[TagType] = field(default_factory=set)
    _seen: tuple[VideoTrack | None, AudioTrack | None] = (None, None)
    _sound_due: float | None = None  # since when other sound waits for a key frame
    _began: float | None = None
    _refused: bool = False

    def receive(self, tag_type: TagType, stamp: int, body: bytes, now: float) -> list[Demuxed]:
        """Take one tag. A damaged or unknown one becomes a Notice, and the stream goes on."""
        if self._began is None:
            self._began = now
        out: list[Demuxed] = []
        try:
            if tag_type is TagType.VIDEO:
                for video in parse_video(body):
                    if self._is_carried(tag_type, video.track_id, out):
                        self._take_video(video, stamp, now, out)
            elif tag_type is TagType.AUDIO:
                for audio in parse_audio(body):
                    if self._is_carried(tag_type, audio.track_id, out):
                        self._take_audio(audio, stamp, now, out)
        except (UnsupportedCodec, UnplayableConfig) as error:
            self._leave_out(tag_type, error.what, str(error), out)
            self._compare(now, out)
        except ParseError as error:
            out.append(Notice("damaged_media", str(error)))
            self._compare(now, out)
        if self._announced is None:
            out += self.tick(now)
        return out

    def deadline(self) -> float | None:
        """Return when to call `tick`, None where nothing is pending."""
        if self._announced is not None or self._began is None:
            return None
        if self._some_track():
            return self._began + MISSING_TRACK
        return self._began + NOTHING_CARRIED if self._left_out and not self._refused else None

    def tick(self, now: float) -> list[Demuxed]:
        """Stop waiting for a missing track when it is time."""
        if self._announced is not None or self._began is None:
            return []
        if not self._some_track():
            return self._refuse(now)
        complete = self._video.track is not None and self._audio.track is not None
        late = now >= self._began + MISSING_TRACK
        if not complete and not late and self._pending_bytes < MAX_PENDING:
            return []
        out: list[Demuxed] = [self._announce(), *self._pending]
        self._pending.clear()
        self._pending_bytes = 0
        return out

    def headers(self) -> list[VideoPacket | AudioPacket]:
        """Return the sequence headers of the tracks, as packets."""
        headers = (self._video.header(), self._audio.header())
        return [header for header in headers if header is not None]

    def faults(self) -> Faults:
        """Return the faults of the media."""
        picture, sound = (self._left_out.get(kind) for kind in (TagType.VIDEO, TagType.AUDIO))
        return Faults(
            picture_left_out=picture[0] if picture and self._video.track is None else "",
            sound_left_out=sound[0] if sound and self._audio.track is None else "",
            picture_unconfigured=self._video.unconfigured,
            sound_unconfigured=self._audio.unconfigured,
        )

    def _tracks(self) -> tuple[VideoTrack | None, AudioTrack | None]:
        return self._video.track, self._audio.track

    def _some_track(self) -> bool:
        return self._tracks() != (None, None)

    def _announce(self) -> Tracks:
        self._announced = Tracks(*self._tracks())
        self._sound_due = None
        return self._announced

    def _leave_out(self, kind: TagType, what: str, detail: str, out: list[Demuxed]) -> None:
        """Note media that cannot be carried, once each."""
        if self._left_out.get(kind) != (what, detail):
            self._left_out[kind] = what, detail
            out.append(Notice("unsupported_codec", detail))

    def _refuse(self, now: float) -> list[Demuxed]:
        """Give up where nothing that was sent can be carried."""
        both = len(self._left_out) > 1
        late = self._began is not None and now >= self._began + NOTHING_CARRIED
        if self._refused or not self._left_out or not (both or late):
            return []
        self._refused = True
        details = dict.fromkeys(detail for _, detail in self._left_out.values())
        return [Notice("nothing_carried", " ".join(details))]

    def _take_video(self, packet: VideoPacket, stamp: int, now: float, out: list[Demuxed]) -> None:
        data = self._video.receive(packet)
        self._compare(now, out)
        if data is not None:
            composition, key = packet.composition, packet.key
            if self._sound_due is not None and key:
                out.append(self._announce())
            frame = VideoFrame(now, stamp, packet.nanos, composition, key, data)
            self._emit(frame, len(data), out)

    def _take_audio(self, packet: AudioPacket, stamp: int, now: float, out: list[Demuxed]) -> None:
        units = self._audio.receive(packet, stamp)
        self._compare(now, out)
        if self._sound_due is not None:
            if now < self._sound_due + LATE_KEY_FRAME:
                return
            out.append(self._announce())
        for data, samples in units:
            self._emit(AudioFrame(now, stamp, packet.nanos, samples, data), len(data), out)

    def _compare(self, now: float, out: list[Demuxed]) -> None:
        """Handle tracks that are others than a moment ago."""
        (video, audio), self._seen = self._seen, self._tracks()
        if self._video.track != video:
            self._changed(VideoFrame, now, out)
        if self._audio.track != audio:
            self._changed(AudioFrame, now, out)

    def _changed(self, kind: type[VideoFrame | AudioFrame], now: float, out: list[Demuxed]) -> None:
        """Announce another track of a medium, or drop pending frames of the one before.

        Viewers begin anew with other tracks, so sound joins a picture at a key frame: earlier, the
        picture would stand still until then.
        """
        if self._announced is None:
            self._pending = [frame for frame in self._pending if not isinstance(frame, kind)]
        elif kind is AudioFrame and self._announced.video is not None:
            self._sound_due = now
        elif self._some_track():
            out.append(self._announce())

    def _emit(self, frame: VideoFrame | AudioFrame, size: int, out: list[Demuxed]) -> None:
        if self._announced is not None:
            out.append(frame)
        else:
            self._pending.append(frame)
            self._pending_bytes += size

    def _is_carried(self, kind: TagType, track_id: int, out: list[Demuxed]) -> bool:
        """Tell whether a packet is of the first track of its kind, the only one that is carried
        (Enhanced RTMP v2, multitrack)."""
        first = self._track_ids.setdefault(kind, track_id)
        if first != track_id and kind not in self._several:
            self._several.add(kind)
            name = kind.name.lower()
            out.append(Notice("multitrack", f"Of several {name} tracks, track {first} is carried."))
        return first == track_id
