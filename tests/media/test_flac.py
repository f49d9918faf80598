"""STREAMINFO and frame lengths of FLAC."""

from __future__ import annotations

import pytest

from madang.media.bits import CodecConfigError
from madang.media.flac import frame_samples, parse_config
from tests.support.bit_fields import octets, u

STREAMINFO = octets(u(4096, 16) * 2, u(0, 48), u(192_000, 20), u(7, 3), u(23, 5), u(0, 36 + 128))


@pytest.mark.parametrize(
    "config",
    [
        STREAMINFO,
        b"fLaC\x80\0\0\x22" + STREAMINFO,
        b"fLaC\x00\0\0\x22" + STREAMINFO + b"\x84\0\0\x01a",
    ],
)
def test_streaminfo_is_found(config: bytes) -> None:
    track = parse_config(config)
    assert track.config == STREAMINFO
    assert (track.sample_rate, track.channels, track.frame_samples) == (192_000, 8, 0)


@pytest.mark.parametrize(
    "config",
    [
        STREAMINFO[:-1],
        b"fLaC",
        b"fLaC\x84\0\0\x22" + STREAMINFO,
        b"fLaC\x80\0\0\x22" + STREAMINFO[:-1],
        STREAMINFO[:10] + bytes(24),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)


def frame(block: int, number: str = u(0, 8), tail: str = "") -> bytes:
    return octets(u(0x3FFE, 14), "00", u(block, 4), u(0, 4), u(0, 8), number, tail)


@pytest.mark.parametrize(
    ("block", "samples"),
    [(1, 192), (2, 576), (3, 1152), (4, 2304), (5, 4608), (8, 256), (12, 4096), (15, 32_768)],
)
def test_common_block_sizes_have_a_code(block: int, samples: int) -> None:
    assert frame_samples(frame(block)) == samples


@pytest.mark.parametrize("ones", [0, 2, 3, 4, 5, 6, 7])
def test_other_block_sizes_come_after_the_coded_number(ones: int) -> None:
    lead = "1" * ones + "0" * (8 - ones)
    number = lead + "10000000" * max(ones - 1, 0)
    assert frame_samples(frame(6, number, u(99, 8))) == 100
    assert frame_samples(frame(7, number, u(65_534, 16))) == 65_535


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xf0",
        b"\xff\xfa" + frame(1)[2:],
        b"\xfe" + frame(1)[1:],
        frame(0),
        frame(6, "10000000", u(9, 8)),
        frame(6, "11111111", u(9, 8)),
        frame(7),
    ],
)
def test_damaged_frames_are_refused(data: bytes) -> None:
    with pytest.raises(CodecConfigError):
        frame_samples(data)
