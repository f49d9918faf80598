"""Video of one publisher: the configuration in force, and units in ISO BMFF format.

The configuration comes in a sequence header, or in the key frames themselves. Key frames win where
the two differ, as decoders use what they have, and encoders that turn or scale the picture do not
always send another header.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from madang.base.errors import ParseError
from madang.media import av1, nal
from madang.media.bits import CodecConfigError
from madang.media.configs import video_track
from madang.media.orientation import take_rotation
from madang.media.parameter_sets import ParameterSets, has_picture, length_size, trimmed
from madang.media.track import Codec, VideoTrack
from madang.wire.flv import PacketKind, VideoPacket

_IN_KEY_FRAMES: Final = frozenset({Codec.VP9, Codec.AV1})
"""Codecs with the size in key frames: VP9 always, AV1 where its configuration lacks it."""

MANY_FRAMES: Final = 100
"""Frames without a configuration after which it is taken to be missing; the first key frame may
still have to come."""


@dataclass(slots=True)
class VideoInput:
    """Reader of the packets of one video track."""

    track: VideoTrack | None = None
    _header: tuple[Codec, bytes] | None = None  # the last that was received
    _due: bool = False  # the next key frame completes it
    _next: VideoTrack | None = None  # of a header, from the next picture on
    _sets: ParameterSets | None = None
    _unread: int = 0

    @property
    def unconfigured(self) -> bool:
        """True where pictures come, but nothing tells how to decode them."""
        return self.track is None and self._unread >= MANY_FRAMES

    def header(self) -> VideoPacket | None:
        """Return the sequence header of the track."""
        if self.track is None:
            return None
        codec, data = self.track.codec, self.track.config
        if codec in _IN_KEY_FRAMES and self._header is not None:
            data = self._header[1]
        return VideoPacket(PacketKind.CONFIG, codec, True, 0, 0, 0, data)

    def receive(self, packet: VideoPacket) -> bytes | None:
        """Take a packet, and return the unit in it, which is of `track`. Raises ParseError."""
        if not packet.data:
            return None
        if packet.kind is PacketKind.CONFIG:
            self._take_header(packet.codec, packet.data)
        elif packet.kind is PacketKind.FRAME:
            if packet.codec in _IN_KEY_FRAMES:
                return self._open_unit(packet)
            return self._nal_unit(packet)
        return None

    def _take_header(self, codec: Codec, data: bytes) -> None:
        if self._header == (codec, data):
            return  # encoders repeat it
        self._due = codec in _IN_KEY_FRAMES
        if not self._due:
            config = data
            if nal.is_byte_stream(data, 4):
                sets = ParameterSets.find(codec, nal.split_byte_stream(data))
                if not sets.complete:
                    raise CodecConfigError(f"The {codec.value} configuration is incomplete.")
                config = sets.config()
            found = video_track(codec, trimmed(codec, config))
            if self.track is None:
                self.track = found
            else:
                self._next = found
        self._header = (codec, data)

    def _open_unit(self, packet: VideoPacket) -> bytes | None:
        if self._due and self._header is not None and self._header[0] is packet.codec:
            if not packet.key:
                return None
            self.track = video_track(*self._header, packet.data)
            self._due = False
        if self.track is None:
            self._unread += 1
        if self.track is None or self.track.codec is not packet.codec:
            return None
        if packet.codec is Codec.AV1:
            return av1.strip_temporal_delimiters(packet.data)
        return packet.data

    def _nal_unit(self, packet: VideoPacket) -> bytes | None:
        codec, data = packet.codec, packet.data
        known = self._next or self.track
        if known is not None and known.codec is not codec:
            return None
        size = length_size(codec, known.config) if known is not None else 4
        nals = nal.split_byte_stream(data) if nal.is_byte_stream(data, size) else None
        if nals is not None:
            data = nal.join(nals, size)
        if packet.key or self.track is None:
            nals = nals if nals is not None else nal.split(data, size) or []
            self._choose_track(codec, nals, size)
            if nals and not has_picture(codec, nals):
                return None  # parameter sets in a tag of their own
            if self.track is not None and packet.key:
                rotation, upright = take_rotation(codec, nals)
                self.track = replace(self.track, rotation=rotation)
                if upright != nals:
                    data = nal.join(upright, size)
        elif self._next is not None:
            rotation = self.track.rotation if self.track is not None else 0
            self.track, self._next = replace(self._next, rotation=rotation), None
        if self.track is None:
            self._unread += MANY_FRAMES if packet.key else 1
            return None
        return data

    def _choose_track(self, codec: Codec, nals: list[bytes], size: int) -> None:
        """Use the parameter sets among `nals` where they say more than the header."""
        within = self._track_within(codec, nals, size)
        known = [track for track in (self._next, self.track) if track is not None]
        if within is not None:
            known = [track for track in known if _alike(track, within)] or [within]
        self._next = None
        if known:
            self.track = known[0]

    def _track_within(self, codec: Codec, nals: list[bytes], size: int) -> VideoTrack | None:
        found = ParameterSets.find(codec, nals)
        if not (found.vps or found.sps or found.pps):
            return None
        sets = self._sets = found.completed_by(self._sets)
        if not sets.complete or (self.track is not None and not found.sps):
            return None
        try:
            return video_track(codec, sets.config(size))
        except ParseError:
            if self.track is None:
                raise
            return None  # the header is in force


def _alike(one: VideoTrack, other: VideoTrack) -> bool:
    """Tell whether two configurations show the same picture."""
    return _shown(one) == _shown(other)


def _shown(track: VideoTrack) -> VideoTrack:
    return replace(track, config=b"", frame_rate=None, rotation=0)
