"""Records and key frames of VP9 that ffmpeg does not produce."""

from __future__ import annotations

import pytest

from madang.media.bits import CodecConfigError
from madang.media.vp9 import frame_size, parse_config
from tests.support.bit_fields import octets, u
from tests.support.samples import sample

FRAME_SIZE = u(1279, 16) + u(719, 16)
SYNC = u(0x498342, 24)
KEY_FRAME = octets("10" + "00" + "0" + "0" + "10" + SYNC + "010" + "0" + FRAME_SIZE)


def vpcc(profile: int, level: int, depth: int, *rest: int) -> bytes:
    subsampling, full_range, *colour = rest
    packed = depth << 4 | subsampling << 1 | full_range
    return bytes((1, 0, 0, 0, profile, level, packed, *colour, 0, 0))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), "vp09.00.31.08"),
        (vpcc(0, 31, 8, 0, 0, 2, 2, 2), "vp09.00.31.08"),
        (vpcc(2, 51, 10, 0, 0, 9, 16, 9), "vp09.02.51.10.00.09.16.09.00"),
        (vpcc(1, 31, 8, 3, 1, 2, 2, 2), "vp09.01.31.08.03.02.02.02.01"),
        (vpcc(0, 0, 8, 1, 0, 1, 1, 1), "vp09.00.31.08"),
    ],
)
def test_codec_strings_are_as_short_as_their_defaults_allow(config: bytes, expected: str) -> None:
    assert parse_config(config, KEY_FRAME).codec_string == expected


def test_a_record_without_version_and_flags_is_the_same() -> None:
    config = vpcc(0, 31, 8, 1, 0, 1, 1, 1)
    assert parse_config(config[4:], KEY_FRAME) == parse_config(config, KEY_FRAME)
    assert parse_config(config[4:], KEY_FRAME).config == config


@pytest.mark.parametrize(
    "header",
    [
        "10" + "00" + "0" + "0" + "11" + SYNC + "111",
        "10" + "10" + "0" + "0" + "10" + SYNC + "001" + "0" + "110",
        "10" + "10" + "0" + "0" + "10" + SYNC + "111" + "0",
        "10" + "01" + "0" + "0" + "10" + SYNC + "1" + "101" + "1",
        "10" + "11" + "0" + "0" + "0" + "10" + SYNC + "0" + "010" + "0" + "000",
    ],
)
def test_the_size_is_found_in_every_profile(header: str) -> None:
    assert frame_size(octets(header, FRAME_SIZE)) == (1280, 720)


def test_a_frame_between_key_frames_has_no_size() -> None:
    with pytest.raises(CodecConfigError, match="not a key frame"):
        frame_size(sample("bundled", "vp9").units[1].data)


@pytest.mark.parametrize(
    ("config", "frame"),
    [
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), None),
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1)[:11], KEY_FRAME),
        (vpcc(4, 31, 8, 1, 0, 1, 1, 1), KEY_FRAME),
        (vpcc(0, 31, 9, 1, 0, 1, 1, 1), KEY_FRAME),
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), KEY_FRAME[:6]),
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), b"\x42" + KEY_FRAME[1:]),
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), KEY_FRAME[:1] + b"\x48" + KEY_FRAME[2:]),
        (vpcc(0, 31, 8, 1, 0, 1, 1, 1), KEY_FRAME[:4] + b"\xff" * 5),
    ],
)
def test_impossible_configurations_are_refused(config: bytes, frame: bytes | None) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config, frame)
