"""Tracks of an init segment that another program wrote."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from madang.base.errors import ParseError
from madang.media import aac, av1, avc, hevc, vp9
from madang.wire.fmp4.reader import Box, boxes

_ENTRY_HEADERS: Final = {b"vide": 78, b"soun": 28}
"""Bytes of a sample entry before its boxes (ISO/IEC 14496-12, 12.1.3 and 12.2.3)."""

_DECODER_CONFIG, _DECODER_SPECIFIC = 4, 5
_AAC, _MP3 = (0x40,), (0x69, 0x6B)


@dataclass(frozen=True, slots=True)
class TrackDescription:
    """A track: its id, its ticks per second, and its codec string (RFC 6381)."""

    track_id: int
    timescale: int
    video: bool
    codec_string: str


def describe(init: bytes) -> list[TrackDescription]:
    """Return the tracks of an init segment. Raises ParseError, also for codecs that browsers do not
    play."""
    try:
        moov = _only(init, b"moov", Box(b"", 0, 0, len(init)))
        return [
            _describe(init, each)
            for each in boxes(init, moov.payload, moov.end)
            if each.kind == b"trak"
        ]
    except (struct.error, IndexError) as error:
        raise ParseError(f"The init segment is malformed: {error}.") from error


def _describe(init: bytes, trak: Box) -> TrackDescription:
    tkhd = _only(init, b"tkhd", trak)
    mdia = _only(init, b"mdia", trak)
    mdhd = _only(init, b"mdhd", mdia)
    hdlr = _only(init, b"hdlr", mdia)
    stbl = _only(init, b"stbl", _only(init, b"minf", mdia))
    stsd = _only(init, b"stsd", stbl)
    (track_id,) = struct.unpack_from(">I", init, tkhd.payload + (20 if init[tkhd.payload] else 12))
    (timescale,) = struct.unpack_from(">I", init, mdhd.payload + (20 if init[mdhd.payload] else 12))
    kind = init[hdlr.payload + 8 : hdlr.payload + 12]
    if kind not in _ENTRY_HEADERS or not timescale:
        raise ParseError(f"A track of kind {kind!r} is neither picture nor sound.")
    entry = next(boxes(init, stsd.payload + 8, stsd.end))
    begin = entry.payload + _ENTRY_HEADERS[kind]
    return TrackDescription(track_id, timescale, kind == b"vide", _codec_string(init, entry, begin))


def _codec_string(init: bytes, entry: Box, begin: int) -> str:
    for each in boxes(init, begin, entry.end):
        config = init[each.payload : each.end]
        match each.kind:
            case b"avcC":
                return avc.parse_config(config).codec_string
            case b"hvcC":
                return hevc.parse_config(config).codec_string
            case b"av1C":
                return av1.parse_config(config).codec_string
            case b"vpcC":
                width, height = struct.unpack_from(">HH", init, entry.payload + 24)
                return vp9.codec_string(config[4:], width * height)
            case b"esds":
                return _of_descriptor(config[4:])
            case b"dOps":
                return "opus"
            case b"dfLa":
                return "flac"
    raise ParseError(f"A sample entry of kind {entry.kind!r} is of no codec that browsers play.")


def _of_descriptor(data: bytes) -> str:
    """Return the codec string of an ES_Descriptor (ISO/IEC 14496-1, 7.2.6.5)."""
    _, at, _ = _descriptor(data, 0)
    tag, at, _ = _descriptor(data, at + 3)
    if tag != _DECODER_CONFIG:
        raise ParseError("A sound track has no decoder configuration.")
    object_type = data[at]
    if object_type in _MP3:
        return f"mp4a.{object_type:X}"
    tag, begin, end = _descriptor(data, at + 13)
    if object_type not in _AAC or tag != _DECODER_SPECIFIC:
        raise ParseError(f"A sound track is of the unknown kind {object_type:#x}.")
    return aac.parse_config(data[begin:end]).codec_string


def _descriptor(data: bytes, at: int) -> tuple[int, int, int]:
    """Return tag, begin and end of the payload of the descriptor at `at` (8.3.3)."""
    tag, size = data[at], 0
    for _ in range(4):
        at += 1
        size = size << 7 | data[at] & 0x7F
        if not data[at] & 0x80:
            break
    return tag, at + 1, at + 1 + size


def _only(data: bytes, kind: bytes, parent: Box) -> Box:
    for each in boxes(data, parent.payload, parent.end):
        if each.kind == kind:
            return each
    raise ParseError(f"A box of kind {kind!r} is missing.")
