"""Sound of one publisher: the configuration in force, and units without framing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from madang.media import adts, opus
from madang.media.bits import UnplayableConfig
from madang.media.configs import audio_track, unit_samples
from madang.media.track import AudioTrack, Codec
from madang.wire.flv import AudioPacket, PacketKind

_WITHOUT_CONFIG: Final = frozenset({Codec.MP3, Codec.AC3, Codec.EAC3})
"""Codecs whose every frame describes the track."""

GUESSED_FROM: Final = 48
"""Frames of AAC without a description from which it is guessed: about a second."""

_HALF, _WRAP = 1 << 31, 1 << 32


@dataclass(slots=True)
class AudioInput:
    """Reader of the packets of one audio track."""

    track: AudioTrack | None = None
    unconfigured: bool = False
    """True where sound comes, but nothing tells how to decode it."""
    _header: tuple[Codec, bytes] | None = None  # the last that was received
    _undescribed: list[tuple[int, bytes]] = field(default_factory=list)

    def header(self) -> AudioPacket | None:
        """Return the sequence header of the track, None where it needs none."""
        if self.track is None or self.track.codec in _WITHOUT_CONFIG:
            return None
        data = self.track.config
        if self.track.codec is not Codec.AAC and self._header is not None:
            data = self._header[1]
        return AudioPacket(PacketKind.CONFIG, self.track.codec, 0, 0, data)

    def receive(self, packet: AudioPacket, stamp: int) -> list[tuple[bytes, int]]:
        """Take a packet with the stamp in milliseconds modulo 2**32, and return the units in it
        with their samples; they are of `track`. Raises ParseError."""
        codec, data = packet.codec, packet.data
        if packet.kind is PacketKind.CONFIG:
            if codec not in _WITHOUT_CONFIG and self._header != (codec, data):
                self._take_header(codec, data)
            return []
        if packet.kind is not PacketKind.FRAME or not data:
            return []
        units = [data]
        if codec is Codec.AAC:
            units = self._aac_units(data, stamp)
        elif codec in _WITHOUT_CONFIG and (self.track is None or self.track.codec is not codec):
            self._use(audio_track(codec, None, data))
            self._header = None  # the same one may follow, of the codec of before
        elif codec is Codec.OPUS and self._header is None:
            self._take_header(codec, opus.usual_header(data))
        track = self.track
        if track is None or track.codec is not codec:
            return []
        return [(unit, unit_samples(track, unit)) for unit in units]

    def _take_header(self, codec: Codec, data: bytes) -> None:
        if not data and codec is Codec.AAC:
            return  # an empty one says nothing; the frames may
        try:
            self._use(audio_track(codec, data))
        except UnplayableConfig:
            self.track, self._header = None, (codec, data)
            raise
        self._header = (codec, data)

    def _use(self, track: AudioTrack) -> None:
        self.unconfigured = False
        self._undescribed.clear()
        if track != self.track:
            self.track = track

    def _aac_units(self, data: bytes, stamp: int) -> list[bytes]:
        described = self._header is not None and self._header[0] is Codec.AAC
        if adts.is_adts(data):
            config, units = adts.split(data)
            if not described:
                self._take_header(Codec.AAC, config)
            return units
        if not described and self._header is None and self.track is None:
            self._guess(data, stamp)
        return [data]

    def _guess(self, data: bytes, stamp: int) -> None:
        self._undescribed.append((stamp, data[:1]))  # the first element tells the channels
        count = len(self._undescribed) - 1
        if count < GUESSED_FROM:
            return
        lasted = (stamp - self._undescribed[0][0] + _HALF) % _WRAP - _HALF
        config = adts.guess_config([unit for _, unit in self._undescribed], lasted / count)
        self._undescribed.clear()
        if config is None:
            self.unconfigured = True
        else:
            self._use(audio_track(Codec.AAC, config))
