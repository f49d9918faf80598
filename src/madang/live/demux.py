"""FLV tags to tracks and frames. Tracks are found in the media; metadata are not used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.base.errors import ParseError
from madang.live.faults import Faults
from madang.media import av1
from madang.media.configs import audio_track, unit_samples, video_track
from madang.media.track import AudioTrack, Codec, Track, VideoTrack
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    TagType,
    UnsupportedCodec,
    VideoPacket,
    parse_audio,
    parse_video,
)

MISSING_TRACK: Final = 2.0
"""Seconds to wait for a second track after the first media: encoders send both at once, cameras
may take a while to start their microphone, and some streams have only one."""

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
class _Medium:
    """State of the video or of the audio of a stream."""

    config: tuple[Codec, bytes] | None = None
    track_id: int | None = None
    seen: bool = False


@dataclass(slots=True)
class Demuxer:
    """One publisher's stream. `now` is in seconds of a monotonic clock."""

    _video: _Medium = field(default_factory=_Medium)
    _audio: _Medium = field(default_factory=_Medium)
    _video_track: VideoTrack | None = None
    _audio_track: AudioTrack | None = None
    _announced: Tracks | None = None
    _pending: list[VideoFrame | AudioFrame] = field(default_factory=list)
    _pending_bytes: int = 0
    _video_due: bool = False  # the next key frame completes the configuration
    _sound_due: bool = False  # other sound begins with the next key frame
    _began: float | None = None

    def receive(self, tag_type: TagType, stamp: int, body: bytes, now: float) -> list[Demuxed]:
        """Take one tag. A damaged or unknown one becomes a Notice, and the stream goes on."""
        if self._began is None:
            self._began = now
        out: list[Demuxed] = []
        try:
            if tag_type is TagType.VIDEO:
                for video in parse_video(body):
                    self._take_video(video, stamp, now, out)
            elif tag_type is TagType.AUDIO:
                for audio in parse_audio(body):
                    self._take_audio(audio, stamp, now, out)
        except UnsupportedCodec as error:
            out.append(Notice("unsupported_codec", str(error)))
        except ParseError as error:
            out.append(Notice("damaged_media", str(error)))
        if self._announced is None:
            out += self.tick(now)
        return out

    def deadline(self) -> float | None:
        """Return when to call `tick`, None where nothing is pending."""
        if self._announced is not None or self._began is None or not self._some_track():
            return None
        return self._began + MISSING_TRACK

    def tick(self, now: float) -> list[Demuxed]:
        """Stop waiting for a missing track when it is time."""
        if self._announced is not None or not self._some_track():
            return []
        complete = self._video_track is not None and self._audio_track is not None
        late = self._began is not None and now >= self._began + MISSING_TRACK
        if not complete and not late and self._pending_bytes < MAX_PENDING:
            return []
        out: list[Demuxed] = [self._announce(), *self._pending]
        self._pending.clear()
        self._pending_bytes = 0
        return out

    def headers(self) -> list[VideoPacket | AudioPacket]:
        """Return the sequence headers of the tracks, as packets."""
        found: list[VideoPacket | AudioPacket] = []
        if self._video_track is not None and self._video.config is not None:
            codec, data = self._video.config
            found.append(VideoPacket(PacketKind.CONFIG, codec, True, 0, 0, 0, data))
        if self._audio_track is not None and self._audio.config is not None:
            codec, data = self._audio.config
            found.append(AudioPacket(PacketKind.CONFIG, codec, 0, 0, data))
        return found

    def faults(self) -> Faults:
        """Return the faults of the media."""
        return Faults()

    def _some_track(self) -> bool:
        return self._video_track is not None or self._audio_track is not None

    def _announce(self) -> Tracks:
        self._announced = Tracks(self._video_track, self._audio_track)
        self._sound_due = False
        return self._announced

    def _take_video(self, packet: VideoPacket, stamp: int, now: float, out: list[Demuxed]) -> None:
        if not self._is_ours(self._video, packet.track_id, "video", out):
            return
        if packet.kind is PacketKind.CONFIG:
            if self._video.config == (packet.codec, packet.data):
                return  # encoders repeat it
            self._video_due = packet.codec in _IN_KEY_FRAMES
            if not self._video_due:
                self._video_found(video_track(packet.codec, packet.data), out)
            self._video.config = (packet.codec, packet.data)
        elif packet.kind is PacketKind.FRAME and packet.data:
            config = self._video.config
            if self._video_due and config is not None and config[0] is packet.codec:
                if not packet.key:
                    return
                self._video_found(video_track(*config, packet.data), out)
                self._video_due = False
            if self._video_track is None or self._video_track.codec is not packet.codec:
                return
            data = packet.data
            if packet.codec is Codec.AV1:
                data = av1.strip_temporal_delimiters(data)
            composition, key = packet.composition, packet.key
            if self._sound_due and key:
                out.append(self._announce())
            frame = VideoFrame(now, stamp, packet.nanos, composition, key, data)
            self._emit(frame, len(data), out)

    def _video_found(self, track: VideoTrack, out: list[Demuxed]) -> None:
        if track != self._video_track:
            self._video_track = track
            self._changed(VideoFrame, out)

    def _take_audio(self, packet: AudioPacket, stamp: int, now: float, out: list[Demuxed]) -> None:
        if not self._is_ours(self._audio, packet.track_id, "audio", out):
            return
        if packet.kind is PacketKind.CONFIG:
            config = (packet.codec, packet.data)
            if packet.codec not in _WITHOUT_CONFIG and self._audio.config != config:
                self._audio_found(audio_track(packet.codec, packet.data), out)
                self._audio.config = config
        elif packet.kind is PacketKind.FRAME and packet.data:
            known = self._audio_track
            if packet.codec in _WITHOUT_CONFIG and (
                known is None or known.codec is not packet.codec
            ):
                self._audio_found(audio_track(packet.codec, None, packet.data), out)
            track = self._audio_track
            if track is None or track.codec is not packet.codec or self._sound_due:
                return
            samples = unit_samples(track, packet.data)
            frame = AudioFrame(now, stamp, packet.nanos, samples, packet.data)
            self._emit(frame, len(packet.data), out)

    def _audio_found(self, track: AudioTrack, out: list[Demuxed]) -> None:
        if track != self._audio_track:
            self._audio_track = track
            self._changed(AudioFrame, out)

    def _changed(self, kind: type[VideoFrame | AudioFrame], out: list[Demuxed]) -> None:
        """Announce another track of a medium, or drop pending frames of the one before.

        Viewers begin anew with other tracks, so sound joins a picture at a key frame: earlier, the
        picture would stand still until then.
        """
        if self._announced is None:
            self._pending = [frame for frame in self._pending if not isinstance(frame, kind)]
        elif kind is AudioFrame and self._announced.video is not None:
            self._sound_due = True
        else:
            out.append(self._announce())

    def _emit(self, frame: VideoFrame | AudioFrame, size: int, out: list[Demuxed]) -> None:
        if self._announced is not None:
            out.append(frame)
        else:
            self._pending.append(frame)
            self._pending_bytes += size

    def _is_ours(self, medium: _Medium, track_id: int, name: str, out: list[Demuxed]) -> bool:
        """Tell whether a packet is of the first track of its kind, the only one that is carried
        (Enhanced RTMP v2, multitrack)."""
        if medium.track_id is None:
            medium.track_id = track_id
        if medium.track_id != track_id and not medium.seen:
            medium.seen = True
            out.append(
                Notice(
                    "multitrack", f"Of several {name} tracks, track {medium.track_id} is carried."
                )
            )
        return medium.track_id == track_id


_WITHOUT_CONFIG: Final = frozenset({Codec.MP3, Codec.AC3, Codec.EAC3})
"""Audio codecs whose every frame describes the track."""

_IN_KEY_FRAMES: Final = frozenset({Codec.VP9, Codec.AV1})
"""Codecs with the size in key frames: VP9 always, AV1 where its configuration lacks it."""
