"""Sequence parameter sets of H.264 that ffmpeg does not produce."""

from __future__ import annotations

from fractions import Fraction

import pytest

from madang.media.avc import parse_config
from madang.media.bits import CodecConfigError
from madang.media.track import Color
from tests.support.bit_fields import octets, se, u, ue

NO_VUI = "0"


def avcc(*sps: str, profile: int = 66, lengths: int = 3) -> bytes:
    nal = b"\x67" + bytes((profile, 0, 30)) + octets(*sps, "1")
    escaped = nal.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")
    head = bytes((1, profile, 0, 30, 0xFC | lengths, 0xE1))
    return head + len(escaped).to_bytes(2, "big") + escaped + b"\x01\0\x01\x68"


def size(width: int, height: int, crop: str = "0", *, frames_only: bool = True) -> str:
    fields = "1" if frames_only else "00"
    return ue(1) + "0" + ue(width // 16 - 1) + ue(height // 16 - 1) + fields + "1" + crop


def vui(ticks: int, scale: int, before: str = "0000") -> str:
    return "1" + before + "1" + u(ticks, 32) + u(scale, 32) + "1"


PLAIN = ue(0) + ue(0) + ue(0) + ue(0)
"""Id, log2_max_frame_num_minus4, order by lsb, its size."""


def test_a_plain_set_is_read() -> None:
    track = parse_config(avcc(PLAIN, size(1280, 720), vui(1001, 60_000)))
    assert (track.width, track.height) == (1280, 720)
    assert track.frame_rate == Fraction(30_000, 1001)
    assert track.codec_string == "avc1.42001e"


def test_everything_before_the_timing_is_passed() -> None:
    aspect = "1" + u(255, 8) + u(4, 16) + u(3, 16)
    signal = "1" + u(5, 3) + "0" + "1" + u(0x010101, 24)
    before = aspect + "11" + signal + "1" + ue(0) + ue(1)
    track = parse_config(avcc(PLAIN, size(640, 480), vui(1, 50, before)))
    assert track.frame_rate == 25
    assert track.display_size == (853, 480)
    assert track.color == Color(1, 1, 1)


@pytest.mark.parametrize(
    ("aspect", "expected"),
    [
        (u(0, 8), 1),
        (u(1, 8), 1),
        (u(2, 8), Fraction(12, 11)),
        (u(16, 8), 2),
        (u(17, 8), 1),
        (u(255, 8) + u(64, 16) + u(45, 16), Fraction(64, 45)),
        (u(255, 8) + u(0, 16) + u(45, 16), 1),
        (u(255, 8) + u(64, 16) + u(0, 16), 1),
        (u(255, 8) + u(65_535, 16) + u(1, 16), 1),
    ],
)
def test_pixels_are_square_unless_a_plausible_ratio_is_stated(
    aspect: str, expected: Fraction
) -> None:
    track = parse_config(avcc(PLAIN, size(320, 240), vui(1, 50, "1" + aspect + "000")))
    assert track.pixel_aspect == expected


def test_full_range_without_colors_is_kept() -> None:
    signal = "1" + u(5, 3) + "1" + "0"
    track = parse_config(avcc(PLAIN, size(320, 240), vui(1, 50, "00" + signal + "0")))
    assert track.color == Color(full_range=True)
    assert track.frame_rate == 25


def test_a_set_that_allows_fields_is_interlaced() -> None:
    assert parse_config(avcc(PLAIN, size(320, 240, frames_only=False), NO_VUI)).interlaced
    assert not parse_config(avcc(PLAIN, size(320, 240), NO_VUI)).interlaced


@pytest.mark.parametrize(
    ("chroma", "frames_only", "expected"),
    [
        (ue(0), True, (640 - 3, 480 - 7)),
        (ue(1), True, (640 - 6, 480 - 14)),
        (ue(2), True, (640 - 6, 480 - 7)),
        (ue(3) + "0", True, (640 - 3, 480 - 7)),
        (ue(3) + "1", True, (640 - 3, 480 - 7)),
        (ue(1), False, (640 - 6, 960 - 28)),
    ],
)
def test_cropping_counts_in_units_of_the_chroma_format(
    chroma: str, frames_only: bool, expected: tuple[int, int]
) -> None:
    crop = "1" + ue(1) + ue(2) + ue(3) + ue(4)
    high = ue(0) + chroma + ue(0) + ue(0) + "0" + "0" + ue(0) + ue(0) + ue(0)
    sps = high + size(640, 480, crop, frames_only=frames_only) + NO_VUI
    track = parse_config(avcc(sps, profile=100))
    assert (track.width, track.height) == expected
    assert track.frame_rate is None


def test_scaling_lists_and_picture_order_cycles_are_passed() -> None:
    full = "1" + se(1) * 16
    ends_early = "1" + se(-8)
    lists = "1" + full + ends_early + "0" * 4 + ("1" + se(0) * 64) + "0"
    order = ue(1) + "0" + se(-1) + se(2) + ue(3) + se(1) * 3
    sps = ue(0) + ue(1) + ue(0) + ue(0) + "0" + lists + ue(0) + order
    track = parse_config(avcc(sps, size(320, 240), vui(1, 120), profile=100))
    assert (track.width, track.height, track.frame_rate) == (320, 240, 60)


@pytest.mark.parametrize(("ticks", "scale"), [(0, 50), (1, 0), (1, 2**32 - 1), (2**32 - 1, 1)])
def test_an_implausible_rate_is_no_rate(ticks: int, scale: int) -> None:
    assert parse_config(avcc(PLAIN, size(320, 240), vui(ticks, scale))).frame_rate is None


def test_usability_information_that_is_cut_off_leaves_the_size() -> None:
    before = "1" + u(14, 8) + "000"
    track = parse_config(avcc(PLAIN, size(320, 240), "1" + before + "1" + u(1, 20)))
    assert (track.width, track.height) == (320, 240)
    assert track.pixel_aspect == Fraction(4, 3)
    assert track.frame_rate is None
    assert track.frame_rate is None


@pytest.mark.parametrize(
    "config",
    [
        b"\x02" + avcc(PLAIN, size(320, 240), NO_VUI)[1:],
        avcc(PLAIN, size(320, 240), NO_VUI, lengths=2),
        avcc(PLAIN, size(320, 240), NO_VUI)[:5] + b"\xe0",
        avcc(PLAIN, size(320, 240), NO_VUI).replace(b"\x67", b"\x68", 1),
        avcc(PLAIN, size(32_000, 240), NO_VUI),
        avcc(PLAIN, size(16, 16, "1" + ue(4) + ue(4) + ue(0) + ue(0)), NO_VUI),
        avcc(ue(0) + ue(0) + ue(1) + "0" + se(0) + se(0) + ue(256)),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)
