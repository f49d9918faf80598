"""Audio tags: legacy AAC and MP3, and Enhanced RTMP (FLV 10.1, E.4.2)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from madang.media.track import Codec
from madang.wire.flv.packets import (
    ExtendedLayout,
    ExtendedTrack,
    FlvError,
    PacketKind,
    UnsupportedCodec,
    read_modifiers,
    read_tracks,
    write_track,
)

_ADVICE = "Choose AAC in the encoder."


class _Format(enum.IntEnum):
    MP3 = 2
    EXTENDED = 9
    AAC = 10
    MP3_8K = 14


class _AudioPacketType(enum.IntEnum):
    CONFIG = 0
    FRAME = 1
    END = 2
    CHANNELS = 4
    MULTITRACK = 5
    MODEX = 7


_UNSUPPORTED_FORMATS = {
    0: "uncompressed PCM",
    1: "ADPCM",
    3: "uncompressed PCM",
    4: "Nellymoser at 16 kHz",
    5: "Nellymoser at 8 kHz",
    6: "Nellymoser",
    7: "G.711 A-law",
    8: "G.711 mu-law",
    11: "Speex",
    15: "of a kind that only its device knows",
}
_SOUND_FLAGS = 0x0F
"""44 kHz, 16 bit, stereo: required by E.4.2.1 for AAC regardless of its real format, ignored by
players for MP3."""

_FOURCCS = {
    Codec.AAC: b"mp4a",
    Codec.MP3: b".mp3",
    Codec.OPUS: b"Opus",
    Codec.FLAC: b"fLaC",
    Codec.AC3: b"ac-3",
    Codec.EAC3: b"ec-3",
}
_LAYOUT = ExtendedLayout(
    multitrack=_AudioPacketType.MULTITRACK,
    modex=_AudioPacketType.MODEX,
    codecs={fourcc: codec for codec, fourcc in _FOURCCS.items()},
    unsupported={},
    medium="sound",
    advice=_ADVICE,
)
_TYPES = {
    PacketKind.CONFIG: _AudioPacketType.CONFIG,
    PacketKind.FRAME: _AudioPacketType.FRAME,
    PacketKind.END: _AudioPacketType.END,
    PacketKind.METADATA: _AudioPacketType.CHANNELS,
}
_KINDS: dict[int, PacketKind] = {number: kind for kind, number in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """Audio of one track in a tag.

    `data` is the codec configuration of Enhanced RTMP (AudioSpecificConfig, the OpusHead of RFC
    7845, "fLaC" with its STREAMINFO block) or one access unit. Its presentation time is `nanos`
    nanoseconds after the tag's timestamp. `track_id` is 0 except in multitrack streams.
    """

    kind: PacketKind
    codec: Codec
    nanos: int
    track_id: int
    data: bytes


def parse_audio(body: bytes) -> list[AudioPacket]:
    """Parse the body of an audio tag: usually one packet, none for an empty tag.

    Raises FlvError for a malformed tag and UnsupportedCodec.
    """
    if not body:
        return []
    match body[0] >> 4:
        case _Format.AAC:
            return [_parse_aac(body)]
        case _Format.MP3 | _Format.MP3_8K:
            return [AudioPacket(PacketKind.FRAME, Codec.MP3, 0, 0, body[1:])]
        case _Format.EXTENDED:
            packet_type, nanos, position = read_modifiers(_LAYOUT, body[0] & 15, body, 1)
            return [
                AudioPacket(
                    _kind(track.packet_type),
                    _LAYOUT.codec(track.fourcc),
                    nanos,
                    track.track_id,
                    track.data,
                )
                for track in read_tracks(_LAYOUT, packet_type, nanos, body, position)
            ]
        case number:
            name = _UNSUPPORTED_FORMATS.get(number, f"of an unknown codec (number {number})")
            raise UnsupportedCodec(
                name, f"The sound is {name}, which Madang does not carry.", mend=_ADVICE
            )


def encode_audio(packet: AudioPacket) -> bytes:
    """Return the body of a tag with this packet alone.

    AAC and MP3 use the legacy form if it is lossless, for compatibility; all else is Enhanced RTMP.
    """
    if not packet.nanos and not packet.track_id:
        if packet.codec is Codec.AAC and packet.kind in (PacketKind.CONFIG, PacketKind.FRAME):
            frame = packet.kind is PacketKind.FRAME
            return bytes((_Format.AAC << 4 | _SOUND_FLAGS, frame)) + packet.data
        if packet.codec is Codec.MP3 and packet.kind is PacketKind.FRAME:
            return bytes((_Format.MP3 << 4 | _SOUND_FLAGS,)) + packet.data
    fourcc = _FOURCCS[packet.codec]
    track = ExtendedTrack(_TYPES[packet.kind], fourcc, packet.track_id, packet.nanos, packet.data)
    return write_track(_LAYOUT, _Format.EXTENDED << 4, track)


def _parse_aac(body: bytes) -> AudioPacket:
    if len(body) < 2:
        raise FlvError("An audio tag is cut off.")
    if body[1] > 1:
        raise FlvError(f"An audio tag has the unknown packet type {body[1]}.")
    kind = PacketKind.FRAME if body[1] else PacketKind.CONFIG
    return AudioPacket(kind, Codec.AAC, 0, 0, body[2:])


def _kind(packet_type: int) -> PacketKind:
    kind = _KINDS.get(packet_type)
    if kind is None:
        raise FlvError(f"An audio tag has the unknown packet type {packet_type}.")
    return kind
