"""Sample entries, which describe a track's codec (ISO/IEC 14496-12, 12.1.3 and 12.2.3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from madang.media.mp3 import object_type_indication
from madang.media.track import SQUARE, UNKNOWN_COLOR, AudioTrack, Codec, VideoTrack
from madang.wire.fmp4.boxes import box, full_box

_VIDEO_KINDS = {
    Codec.AVC: (b"avc1", b"avcC"),
    Codec.HEVC: (b"hvc1", b"hvcC"),
    Codec.AV1: (b"av01", b"av1C"),
    Codec.VP9: (b"vp09", b"vpcC"),
}
_AUDIO_KINDS = {
    Codec.AAC: b"mp4a",
    Codec.MP3: b"mp4a",
    Codec.OPUS: b"Opus",
    Codec.FLAC: b"fLaC",
    Codec.AC3: b"ac-3",
    Codec.EAC3: b"ec-3",
}

_VIDEO_ENTRY = struct.Struct(">6xH16xHHII4xH32xHh")
_AUDIO_ENTRY = struct.Struct(">6xH8xHH4xI")
_DATA_REFERENCE = 1
_RESOLUTION_72_DPI = 0x00480000
_DEPTH_COLOUR = 0x18
_SAMPLE_BITS = 16
_MAX_RATE_FIELD = 0xFFFF

_AAC_OBJECT_TYPE = 0x40
_AUDIO_STREAM = 5 << 2 | 1
_ES_DESCRIPTOR, _DECODER_CONFIG, _DECODER_SPECIFIC, _SL_CONFIG = 3, 4, 5, 6
_SL_PREDEFINED_MP4 = b"\x02"

_LAST_BLOCK = 0x80


def video_entry(track: VideoTrack) -> bytes:
    """Return the sample entry of a video track."""
    kind, config_kind = _VIDEO_KINDS[track.codec]
    fields = _VIDEO_ENTRY.pack(
        _DATA_REFERENCE,
        track.width,
        track.height,
        _RESOLUTION_72_DPI,
        _RESOLUTION_72_DPI,
        1,  # frame per sample
        _DEPTH_COLOUR,
        -1,
    )
    return box(kind, fields, box(config_kind, track.config), *_display(track))


def _display(track: VideoTrack) -> Iterator[bytes]:
    """Yield the boxes for pixel aspect ratio and colour, where known (ISO/IEC 14496-12, 12.1.4 and
    12.1.5)."""
    if track.pixel_aspect != SQUARE:
        yield box(b"pasp", struct.pack(">II", *track.pixel_aspect.as_integer_ratio()))
    color = track.color
    if color != UNKNOWN_COLOR:
        points = (color.primaries, color.transfer, color.matrix, color.full_range << 7)
        yield box(b"colr", struct.pack(">4sHHHB", b"nclx", *points))


def audio_entry(track: AudioTrack) -> bytes:
    """Return the sample entry of an audio track."""
    fields = _AUDIO_ENTRY.pack(
        _DATA_REFERENCE, track.channels, _sample_bits(track), _rate_field(track) << 16
    )
    return box(_AUDIO_KINDS[track.codec], fields, _audio_config(track))


def _audio_config(track: AudioTrack) -> bytes:
    match track.codec:
        case Codec.OPUS:
            return box(b"dOps", track.config)
        case Codec.FLAC:
            # STREAMINFO is the only metadata block needed, hence also the last ("Encapsulation of
            # FLAC in ISO Base Media File Format", 3.3.2).
            header = struct.pack(">I", _LAST_BLOCK << 24 | len(track.config))
            return full_box(b"dfLa", 0, 0, header, track.config)
        case Codec.AC3:
            return box(b"dac3", track.config)
        case Codec.EAC3:
            return box(b"dec3", track.config)
    return full_box(b"esds", 0, 0, _es_descriptor(track))


def _sample_bits(track: AudioTrack) -> int:
    """Return the sample size: of FLAC from STREAMINFO (bits 103 to 107), else 16."""
    if track.codec is Codec.FLAC:
        return (int.from_bytes(track.config[12:14], "big") >> 4 & 31) + 1
    return _SAMPLE_BITS


def _rate_field(track: AudioTrack) -> int:
    """Return the rate in Hz, or its largest even division that fits in 16 bits.

    Rule of "Encapsulation of FLAC in ISO Base Media File Format", 3.3.1; only AAC reaches such
    rates besides. Decoders know the real rate.
    """
    rate = track.sample_rate
    while rate > _MAX_RATE_FIELD:
        if rate % 2:
            return 0
        rate //= 2
    return rate


def _es_descriptor(track: AudioTrack) -> bytes:
    """Return the ES_Descriptor for AAC and MP3 (ISO/IEC 14496-1, 7.2.6.5), without bit rates."""
    object_type = _AAC_OBJECT_TYPE
    specific = b""
    if track.codec is Codec.MP3:
        object_type = object_type_indication(track.sample_rate)
    else:
        specific = _descriptor(_DECODER_SPECIFIC, track.config)
    decoder = struct.pack(">BB11x", object_type, _AUDIO_STREAM) + specific
    return _descriptor(
        _ES_DESCRIPTOR,
        # Stream ID 0 and no flags, as required in files (ISO/IEC 14496-14, 3.1.2).
        bytes(3)
        + _descriptor(_DECODER_CONFIG, decoder)
        + _descriptor(_SL_CONFIG, _SL_PREDEFINED_MP4),
    )


def _descriptor(tag: int, payload: bytes) -> bytes:
    """Return a descriptor with its size in groups of seven bits (ISO/IEC 14496-1, 8.3.3)."""
    size = len(payload)
    groups = [size & 0x7F]
    while size := size >> 7:
        groups.append(size & 0x7F | 0x80)
    return bytes((tag, *reversed(groups))) + payload
