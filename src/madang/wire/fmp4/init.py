"""Init segments (ISO/IEC 14496-12, 8)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from madang.media.track import AudioTrack, Track, VideoTrack
from madang.wire.fmp4.boxes import box, full_box
from madang.wire.fmp4.entries import audio_entry, video_entry

_BRANDS = b"iso6" + bytes(4) + b"iso6mp41"
"""Version 6 of the base format, the first with all features used by the fragments."""

_MOVIE_TIMESCALE = 1_000
_NORMAL_RATE = 0x00010000
_FULL_VOLUME = 0x0100
_ONE = 0x10000
_MATRIX = struct.pack(">9i", _ONE, 0, 0, 0, _ONE, 0, 0, 0, 0x40000000)
_ENABLED_IN_MOVIE = 3
_SELF_CONTAINED = 1
_LANGUAGE_UNDETERMINED = 0x55C4
_SAMPLE_DESCRIPTION = 1


def init_segment(tracks: Sequence[Track]) -> bytes:
    """Return ftyp and moov for these tracks, with IDs 1, 2, 3 and so on."""
    movie_header = struct.pack(
        ">8xIIIH10x36s24xI",
        _MOVIE_TIMESCALE,
        0,
        _NORMAL_RATE,
        _FULL_VOLUME,
        _MATRIX,
        len(tracks) + 1,
    )
    numbered = list(enumerate(tracks, 1))
    return box(b"ftyp", _BRANDS) + box(
        b"moov",
        full_box(b"mvhd", 0, 0, movie_header),
        *(_trak(track_id, track) for track_id, track in numbered),
        box(b"mvex", *(_trex(track_id) for track_id, _ in numbered)),
    )


def _trex(track_id: int) -> bytes:
    # Fragments override these defaults; only the sample description matters.
    return full_box(b"trex", 0, 0, struct.pack(">II12x", track_id, _SAMPLE_DESCRIPTION))


def _trak(track_id: int, track: Track) -> bytes:
    match track:
        case VideoTrack():
            matrix = _rotated(track)
            volume, (width, height) = 0, track.square_size
            handler, media_header = b"vide", full_box(b"vmhd", 0, 1, bytes(8))
            entry = video_entry(track)
        case AudioTrack():
            matrix = _MATRIX
            volume, (width, height) = _FULL_VOLUME, (0, 0)
            handler, media_header = b"soun", full_box(b"smhd", 0, 0, bytes(4))
            entry = audio_entry(track)
    track_header = struct.pack(
        ">8xI20xH2x36sII", track_id, volume, matrix, width << 16, height << 16
    )
    return box(
        b"trak",
        full_box(b"tkhd", 0, _ENABLED_IN_MOVIE, track_header),
        box(
            b"mdia",
            full_box(
                b"mdhd",
                0,
                0,
                struct.pack(">8xI4xH2x", track.timescale, _LANGUAGE_UNDETERMINED),
            ),
            full_box(b"hdlr", 0, 0, struct.pack(">4x4s12xx", handler)),
            box(b"minf", media_header, _data_information(), _sample_table(entry)),
        ),
    )


def _rotated(track: VideoTrack) -> bytes:
    """Return the matrix that turns the picture, and moves it back into place (8.3.2)."""
    width, height = track.square_size
    a, b, x, y = {
        90: (0, _ONE, height, 0),
        180: (-_ONE, 0, width, height),
        270: (0, -_ONE, 0, width),
    }.get(track.rotation, (_ONE, 0, 0, 0))
    return struct.pack(">9i", a, b, 0, -b, a, 0, x << 16, y << 16, 0x40000000)


def _data_information() -> bytes:
    location = full_box(b"url ", 0, _SELF_CONTAINED)
    return box(b"dinf", full_box(b"dref", 0, 0, struct.pack(">I", 1), location))


def _sample_table(entry: bytes) -> bytes:
    """Return the sample table of a track with all samples in fragments: only the description."""
    return box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
