"""Rotation of pictures, from the SEI of the stream to the track header."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from pathlib import Path

import av
import pytest

from madang.media import nal
from madang.media.orientation import take_rotation
from madang.media.track import Codec, VideoTrack
from madang.wire.fmp4 import init_segment
from tests.support.bit_fields import octets, u
from tests.support.fmp4 import file_of
from tests.support.samples import sample


def sei(degrees: int, *, cancelled: bool = False, before: bytes = b"") -> bytes:
    """Return messages with a display orientation, anticlockwise."""
    payload = octets(str(int(cancelled)), "00", u(degrees * 65_536 // 360 % 65_536, 16), "11")
    return before + bytes((47, len(payload))) + payload + b"\x80"


def turned(degrees: int) -> VideoTrack:
    track = sample("bundled", "avc").track
    assert isinstance(track, VideoTrack)
    return replace(track, rotation=degrees)


OTHERS = b"\xff\x01\x02ab" + b"\x05\x01\x00" + b"\x05\x04\0\0\0\1"
"""Three messages of other kinds."""


@pytest.mark.parametrize(
    ("anticlockwise", "clockwise"), [(0, 0), (90, 270), (180, 180), (270, 90), (1, 0), (359, 0)]
)
@pytest.mark.parametrize(("codec", "header"), [(Codec.AVC, b"\x06"), (Codec.HEVC, b"\x4e\x01")])
def test_the_angle_is_the_other_way_round_and_in_quarters(
    anticlockwise: int, clockwise: int, codec: Codec, header: bytes
) -> None:
    picture = b"\x26\x01picture"
    alone = [header + sei(anticlockwise), picture]
    assert take_rotation(codec, alone) == (clockwise, [picture])
    among = [header + sei(anticlockwise, before=OTHERS), picture]
    left = header + OTHERS.replace(b"\0\0\0\1", b"\0\0\3\0\1") + b"\x80"
    assert take_rotation(codec, among) == (clockwise, [left, picture])


@pytest.mark.parametrize(
    "unit",
    [
        b"",
        b"\x06",
        b"\x06\x2f",
        b"\x06\x2f\x09\x00",
        b"\x06\xff\xff",
        b"\x06" + OTHERS + b"\x80",
        b"\x65" + sei(90)[:4],
    ],
)
def test_what_is_no_orientation_is_left_as_it_is(unit: bytes) -> None:
    assert take_rotation(Codec.AVC, [unit]) == (0, [unit])


def test_a_cancelled_orientation_turns_nothing() -> None:
    assert take_rotation(Codec.AVC, [b"\x06" + sei(90, cancelled=True)]) == (0, [])


def test_a_real_stream_is_as_if_it_never_had_been_turned() -> None:
    first, plain = (
        nal.split(sample("bundled", name).units[0].data, 4) or [] for name in ("avc-turned", "avc")
    )
    assert take_rotation(Codec.AVC, first) == (270, plain)
    assert take_rotation(Codec.AVC, plain) == (0, plain)


def test_playlists_have_the_size_as_it_is_shown() -> None:
    sizes = [turned(degrees).display_size for degrees in (0, 90, 180, 270)]
    assert sizes == [(160, 90), (90, 160), (160, 90), (90, 160)]


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_players_read_the_rotation_of_the_track_header(degrees: int, tmp_path: Path) -> None:
    track = turned(degrees)
    path = tmp_path / "turned.mp4"
    path.write_bytes(file_of([(track, sample("bundled", "avc").units)]))
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert -frame.rotation % 360 == degrees
    assert struct.pack(">II", 160 << 16, 90 << 16) in init_segment([track])


@pytest.mark.parametrize("codec", [Codec.AVC, Codec.HEVC])
def test_a_megabyte_of_messages_is_passed_over(codec: Codec) -> None:
    header = b"\x06" if codec is Codec.AVC else b"\x4e\x01"
    units = [header + b"\x01\x00" * size for size in (20_000, 500_000)]
    began = time.process_time()
    assert take_rotation(codec, units) == (0, units)
    assert time.process_time() - began < 1.0  # half a minute where each message copies the rest
