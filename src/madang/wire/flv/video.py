"""Video tags: legacy H.264, and Enhanced RTMP (FLV 10.1, E.4.3; Enhanced RTMP v2)."""

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

_ADVICE = "Choose H.264 (AVC), H.265 (HEVC), AV1 or VP9 in the encoder."

_LEGACY_CODECS = {7: Codec.AVC, 12: Codec.HEVC}
_LEGACY_UNSUPPORTED = {
    1: "JPEG",
    2: "Sorenson H.263",
    3: "Screen Video",
    4: "On2 VP6",
    5: "On2 VP6 with an alpha channel",
    6: "Screen Video 2",
    8: "H.263",
    9: "MPEG-4 part 2",
    13: "AV1 under an unofficial number",
    14: "VP9 under an unofficial number",
}
_FOURCCS = {Codec.AVC: b"avc1", Codec.HEVC: b"hvc1", Codec.AV1: b"av01", Codec.VP9: b"vp09"}
_TIMED = frozenset({Codec.AVC, Codec.HEVC})
"""Codecs whose frames carry a composition time."""


class _FrameType(enum.IntEnum):
    KEY = 1
    INTER = 2
    GENERATED_KEY = 4
    COMMAND = 5


class _Avc(enum.IntEnum):
    CONFIG = 0
    FRAME = 1
    END = 2


class _VideoPacketType(enum.IntEnum):
    CONFIG = 0
    FRAME = 1
    END = 2
    FRAME_UNSHIFTED = 3
    METADATA = 4
    TS_CONFIG = 5
    MULTITRACK = 6
    MODEX = 7


_LAYOUT = ExtendedLayout(
    multitrack=_VideoPacketType.MULTITRACK,
    modex=_VideoPacketType.MODEX,
    codecs={fourcc: codec for codec, fourcc in _FOURCCS.items()},
    unsupported={b"vp08": "VP8", b"vvc1": "H.266 (VVC)", b"hev1": "H.265 without its headers"},
    medium="video",
    advice=_ADVICE,
)


@dataclass(frozen=True, slots=True)
class VideoPacket:
    """Video of one track in a tag.

    `data` is the codec configuration (the decoder configuration record), or the access unit in ISO
    BMFF format. Its decoding time is `nanos` nanoseconds after the tag's timestamp, its
    presentation time `composition` milliseconds later. `track_id` is 0 except in multitrack
    streams.
    """

    kind: PacketKind
    codec: Codec
    key: bool
    composition: int
    nanos: int
    track_id: int
    data: bytes


def parse_video(body: bytes) -> list[VideoPacket]:
    """Parse the body of a video tag: usually one packet, none for seek commands and empty tags.

    Raises FlvError for a malformed tag and UnsupportedCodec.
    """
    if not body:
        return []
    frame = body[0] >> 4 & 7
    key = frame in (_FrameType.KEY, _FrameType.GENERATED_KEY)
    if not body[0] & 0x80:
        return [] if frame == _FrameType.COMMAND else [_parse_legacy(body, key)]
    packet_type, nanos, position = read_modifiers(_LAYOUT, body[0] & 15, body, 1)
    if frame == _FrameType.COMMAND and packet_type != _VideoPacketType.METADATA:
        return []
    return [
        _parse_extended(track, key)
        for track in read_tracks(_LAYOUT, packet_type, nanos, body, position)
    ]


def encode_video(packet: VideoPacket) -> bytes:
    """Return the body of a tag with this packet alone.

    H.264 uses the legacy form if it is lossless, for compatibility; all else is Enhanced RTMP.
    Raises OverflowError for a composition time of more than 2 h 19 min.
    """
    legacy = packet.codec is Codec.AVC and not packet.nanos and not packet.track_id
    frame = _FrameType.KEY if packet.key else _FrameType.INTER
    if legacy and packet.kind is not PacketKind.METADATA:
        head = bytes((frame << 4 | 7, _LEGACY_TYPES[packet.kind]))
        return head + packet.composition.to_bytes(3, "big", signed=True) + packet.data
    packet_type = _EXTENDED_TYPES[packet.kind]
    data = packet.data
    if packet.kind is PacketKind.FRAME and packet.codec in _TIMED:
        if packet.composition:
            data = packet.composition.to_bytes(3, "big", signed=True) + data
        else:
            packet_type = _VideoPacketType.FRAME_UNSHIFTED
    fourcc = _FOURCCS[packet.codec]
    track = ExtendedTrack(packet_type, fourcc, packet.track_id, packet.nanos, data)
    return write_track(_LAYOUT, 0x80 | frame << 4, track)


_LEGACY_TYPES = {
    PacketKind.CONFIG: _Avc.CONFIG,
    PacketKind.FRAME: _Avc.FRAME,
    PacketKind.END: _Avc.END,
}
_LEGACY_KINDS: dict[int, PacketKind] = {number: kind for kind, number in _LEGACY_TYPES.items()}
_EXTENDED_TYPES = {
    PacketKind.CONFIG: _VideoPacketType.CONFIG,
    PacketKind.FRAME: _VideoPacketType.FRAME,
    PacketKind.END: _VideoPacketType.END,
    PacketKind.METADATA: _VideoPacketType.METADATA,
}
_EXTENDED_KINDS: dict[int, PacketKind] = {
    **{number: kind for kind, number in _EXTENDED_TYPES.items()},
    _VideoPacketType.FRAME_UNSHIFTED: PacketKind.FRAME,
}


def _parse_legacy(body: bytes, key: bool) -> VideoPacket:
    number = body[0] & 15
    codec = _LEGACY_CODECS.get(number)
    if codec is None:
        name = _LEGACY_UNSUPPORTED.get(number, f"of an unknown codec (number {number})")
        raise UnsupportedCodec(
            name, f"The video is {name}, which Madang does not carry.", mend=_ADVICE
        )
    if len(body) < 5:
        raise FlvError("A video tag is cut off.")
    kind = _LEGACY_KINDS.get(body[1])
    if kind is None:
        raise FlvError(f"A video tag has the unknown packet type {body[1]}.")
    composition = int.from_bytes(body[2:5], "big", signed=True)
    return VideoPacket(kind, codec, key, composition, 0, 0, body[5:])


def _parse_extended(track: ExtendedTrack, key: bool) -> VideoPacket:
    codec = _LAYOUT.codec(track.fourcc)
    if track.packet_type == _VideoPacketType.TS_CONFIG:
        raise UnsupportedCodec(
            "video of an MPEG transport stream",
            "The video is described for MPEG transport streams, which Madang does not read.",
            mend=_ADVICE,
        )
    kind = _EXTENDED_KINDS.get(track.packet_type)
    if kind is None:
        raise FlvError(f"A video tag has the unknown packet type {track.packet_type}.")
    composition = 0
    data = track.data
    if track.packet_type == _VideoPacketType.FRAME and codec in _TIMED:
        if len(data) < 3:
            raise FlvError("A video tag is cut off.")
        composition = int.from_bytes(data[:3], "big", signed=True)
        data = data[3:]
    return VideoPacket(kind, codec, key, composition, track.nanos, track.track_id, data)
