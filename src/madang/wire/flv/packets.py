"""Shared by audio and video tags: kinds, errors and the Enhanced RTMP v2 framing."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from madang.base.errors import ParseError
from madang.media.track import Codec

MULTITRACK_ONE = 0
MULTITRACK_MANY = 1
MULTITRACK_MANY_CODECS = 2

MODEX_TIMESTAMP_NANOS = 0
"""The only modifier of Enhanced RTMP v2: nanoseconds after the tag's millisecond."""

MAX_NANOS = 999_999


class FlvError(ParseError):
    """Malformed FLV, or a tag body that violates its codec's layout."""


class UnsupportedCodec(ParseError):
    """Tag of an unsupported codec, named in the message and by `what`."""

    def __init__(self, what: str, message: str, *, mend: str = "") -> None:
        super().__init__(message, mend=mend)
        self.what = what


class PacketKind(enum.Enum):
    """Kind of a packet."""

    CONFIG = "configuration"
    FRAME = "frame"
    END = "end of sequence"
    METADATA = "metadata"
    """Colour description of video (AMF 0), channel layout of audio; not needed for decoding."""


@dataclass(frozen=True, slots=True)
class ExtendedTrack:
    """One track of an Enhanced RTMP tag, before codec-specific parsing."""

    packet_type: int
    fourcc: bytes
    track_id: int
    nanos: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ExtendedLayout:
    """Packet types, which audio and video number differently, and FourCCs."""

    multitrack: int
    modex: int
    codecs: Mapping[bytes, Codec]
    unsupported: Mapping[bytes, str]
    medium: str
    advice: str

    def codec(self, fourcc: bytes) -> Codec:
        """Return the codec of a FourCC. Raises UnsupportedCodec."""
        codec = self.codecs.get(fourcc)
        if codec is None:
            name = self.unsupported.get(fourcc) or f"of an unknown codec ({fourcc!r})"
            raise UnsupportedCodec(
                name, f"The {self.medium} is {name}, which Madang does not carry.", mend=self.advice
            )
        return codec


def read_modifiers(
    layout: ExtendedLayout, packet_type: int, body: bytes, position: int
) -> tuple[int, int, int]:
    """Skip the ModEx prefixes; return the packet type behind them, the nanoseconds, and the
    position."""
    nanos = 0
    while packet_type == layout.modex:
        size = _byte(body, position) + 1
        position += 1
        if size == 256:
            size = int.from_bytes(_slice(body, position, 2), "big") + 1
            position += 2
        data = _slice(body, position, size)
        position += size
        following = _byte(body, position)
        position += 1
        if following >> 4 == MODEX_TIMESTAMP_NANOS:
            nanos = min(int.from_bytes(data[:3], "big"), MAX_NANOS)
        packet_type = following & 15
    return packet_type, nanos, position


def read_tracks(
    layout: ExtendedLayout, packet_type: int, nanos: int, body: bytes, position: int
) -> Iterator[ExtendedTrack]:
    """Return the tracks of an Enhanced RTMP tag from `position`, just after its modifiers.

    Raises FlvError for a truncated tag or nested multitrack.
    """
    if packet_type != layout.multitrack:
        fourcc = _slice(body, position, 4)
        yield ExtendedTrack(packet_type, fourcc, 0, nanos, body[position + 4 :])
        return
    first = _byte(body, position)
    position += 1
    mode, packet_type = first >> 4, first & 15
    if mode > MULTITRACK_MANY_CODECS or packet_type in (layout.multitrack, layout.modex):
        raise FlvError(f"A multitrack {layout.medium} tag is of an unknown kind.")
    fourcc = b""
    if mode != MULTITRACK_MANY_CODECS:
        fourcc = _slice(body, position, 4)
        position += 4
    while True:
        if mode == MULTITRACK_MANY_CODECS:
            fourcc = _slice(body, position, 4)
            position += 4
        track_id = _byte(body, position)
        position += 1
        if mode == MULTITRACK_ONE:
            size = len(body) - position
        else:
            size = int.from_bytes(_slice(body, position, 3), "big")
            position += 3
        yield ExtendedTrack(packet_type, fourcc, track_id, nanos, _slice(body, position, size))
        position += size
        if position == len(body):
            return


def write_track(layout: ExtendedLayout, flags: int, track: ExtendedTrack) -> bytes:
    """Return an Enhanced RTMP tag with this track alone; `flags` are the bits above the packet
    type."""
    out = bytearray()
    outer = layout.multitrack if track.track_id else track.packet_type
    if track.nanos:
        # The size field counts from one: 2 announces three bytes.
        out += bytes((flags | layout.modex, 2))
        out += track.nanos.to_bytes(3, "big")
        out.append(MODEX_TIMESTAMP_NANOS << 4 | outer)
    else:
        out.append(flags | outer)
    if track.track_id:
        out.append(MULTITRACK_ONE << 4 | track.packet_type)
        out += track.fourcc
        out.append(track.track_id)
    else:
        out += track.fourcc
    return bytes(out) + track.data


def _byte(body: bytes, position: int) -> int:
    return _slice(body, position, 1)[0]


def _slice(body: bytes, position: int, size: int) -> bytes:
    if position + size > len(body):
        raise FlvError("A media tag is cut off.")
    return body[position : position + size]
