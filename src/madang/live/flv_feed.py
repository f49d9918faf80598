"""The show as FLV, for players that read one endless response (HTTP-FLV, WebSocket-FLV).

A chunk is encoded once and shared by all clients. Timestamps are those of the common clock, so
clients stay connected through takeovers, unless tracks appear, disappear or change their codec: FLV
players are built for what the first bytes describe.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.live.demux import Tracks
from madang.media.track import AccessUnit, AudioTrack, Codec, VideoTrack
from madang.wire.flv import (
    AudioPacket,
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_audio,
    encode_metadata,
    encode_tag,
    encode_video,
    file_header,
)

MAX_CACHE: Final = 16 << 20
"""Bytes from the last key frame on that a new client is sent at once. With a longer key-frame
interval, new clients wait for the next key frame."""

MAX_CACHED_SECONDS: Final = 12
"""Seconds of the same: a client plays what it is sent at once, and must not be minutes behind."""

_WRAP: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole tags. `key_offset` is the offset of the first key frame, None without one; a client
    that lost data can go on there."""

    data: bytes
    key_offset: int | None


@dataclass(slots=True)
class FlvFeed:
    """Collects tags, hands out chunks. `opening` and the chunks taken after it are a valid FLV."""

    listening: bool = True
    """False while no client takes chunks: only the cache for new clients is kept."""
    _has_audio: bool = False
    _has_video: bool = False
    _headers: dict[TagType, bytes] = field(default_factory=dict)
    _headers_due: bool = False
    _metadata: bytes = b""
    _fresh: bytearray = field(default_factory=bytearray)
    _fresh_key: int | None = None
    _cache: list[Tag] = field(default_factory=list)  # encoded for new clients only
    _cached_bytes: int = 0
    _cached_from: int = 0
    _began: bool = False
    _codecs: tuple[Codec, ...] = ()
    _last: Chunk | None = None

    def begin(self, *, audio: bool, video: bool, metadata: dict[str, float | str]) -> None:
        """Begin, or begin again with other tracks."""
        self._has_audio = audio
        self._has_video = video
        self._headers.clear()
        self._headers_due = True
        self._forget()
        self._began = True
        self._metadata = encode_tag(Tag(TagType.SCRIPT, 0, encode_metadata(dict(metadata))))

    def header(self, tag_type: TagType, body: bytes) -> None:
        """Take a sequence header; connected clients get it with the next key frame."""
        self._headers[tag_type] = body

    def begin_tracks(self, tracks: Tracks, headers: list[VideoPacket | AudioPacket]) -> None:
        """Begin, or begin again, with `tracks` and their sequence headers."""
        codecs = tuple(track.codec for track in tracks.all)
        if self._began and codecs != self._codecs and self._last is None:
            self._last = self.take() or Chunk(b"", None)
        self._codecs = codecs
        metadata: dict[str, float | str] = {"encoder": "Madang"}
        if tracks.video is not None:
            metadata |= {"width": float(tracks.video.width), "height": float(tracks.video.height)}
        self.begin(
            audio=tracks.audio is not None, video=tracks.video is not None, metadata=metadata
        )
        for packet in headers:
            if isinstance(packet, VideoPacket):
                self.header(TagType.VIDEO, encode_video(packet))
            else:
                self.header(TagType.AUDIO, encode_audio(packet))

    def append_video(self, track: VideoTrack, unit: AccessUnit) -> None:
        """Append a coded picture."""
        per_millisecond = track.timescale / 1000
        composition = round((unit.pts - unit.dts) / per_millisecond)
        packet = VideoPacket(PacketKind.FRAME, track.codec, unit.key, composition, 0, 0, unit.data)
        at = round(unit.dts / per_millisecond)
        self.append(TagType.VIDEO, encode_video(packet), at, key=unit.key)

    def append_audio(self, track: AudioTrack, unit: AccessUnit) -> None:
        """Append coded sound."""
        packet = AudioPacket(PacketKind.FRAME, track.codec, 0, 0, unit.data)
        at = round(unit.dts * 1000 / track.timescale)
        self.append(TagType.AUDIO, encode_audio(packet), at, key=True)

    def append(self, tag_type: TagType, body: bytes, milliseconds: int, *, key: bool) -> None:
        """Take a tag with media at `milliseconds` of the common clock.

        `key` is true for a key frame; in a stream without video every tag is one. What comes
        between `begin` and the first of them is left out: nothing could be decoded of it.
        """
        key = key and (tag_type is TagType.VIDEO or not self._has_video)
        if self._headers_due and not key:
            return
        tag = Tag(tag_type, milliseconds % _WRAP, body)
        if key:
            if self._fresh_key is None and self.listening:
                self._fresh_key = len(self._fresh)
            self._forget()
            self._cached_from = milliseconds
            if self._headers_due and self.listening:
                self._fresh += self._encoded_headers(milliseconds)
            self._headers_due = False
        if self.listening:
            self._fresh += encode_tag(tag)
        self._remember(tag, milliseconds, key=key)

    def take(self) -> Chunk | None:
        """Return the tags since the last call, None without any."""
        if not self._fresh:
            return None
        chunk = Chunk(bytes(self._fresh), self._fresh_key)
        self._fresh.clear()
        self._fresh_key = None
        return chunk

    def take_last(self) -> Chunk | None:
        """Return the last tags for the clients so far, which cannot play what follows.

        None where no codec changed since the last call. Call before `take`.
        """
        last, self._last = self._last, None
        return last

    @property
    def begins_with_picture(self) -> bool:
        """True where the next chunks can be decoded right after `opening`."""
        return bool(self._cache) or not self._has_video

    def opening(self) -> bytes | None:
        """Return the first bytes for a new client, None before the stream has begun.

        Call right after `take`, so that the next chunk follows on it.
        """
        if not self._began:
            return None
        start = file_header(audio=self._has_audio, video=self._has_video)
        media = map(encode_tag, self._cache)
        return b"".join((start, self._metadata, self._encoded_headers(0), *media))

    def _remember(self, tag: Tag, milliseconds: int, *, key: bool) -> None:
        if not self._cache and self._has_video and not key:
            return  # nothing to decode it with
        self._cache.append(tag)
        self._cached_bytes += len(tag.body)
        long = milliseconds - self._cached_from > MAX_CACHED_SECONDS * 1000
        if self._cached_bytes > MAX_CACHE or long:
            self._forget()

    def _encoded_headers(self, milliseconds: int) -> bytes:
        stamp = milliseconds % _WRAP
        return b"".join(encode_tag(Tag(kind, stamp, body)) for kind, body in self._headers.items())

    def _forget(self) -> None:
        self._cache.clear()
        self._cached_bytes = 0
