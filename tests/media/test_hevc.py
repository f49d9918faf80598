"""Codec strings and sequence parameter sets of H.265 that ffmpeg does not produce."""

from __future__ import annotations

from fractions import Fraction

import pytest

from madang.media.bits import CodecConfigError
from madang.media.hevc import parse_config
from tests.support.bit_fields import octets, se, u, ue

PROFILE = bytes.fromhex("01 60000000 900000000000 1e")
"""General profile, compatibility, constraints and level, 12 bytes: Main, level 1."""


def hvcc(*nals: bytes, profile: bytes = PROFILE, average_rate: int = 0) -> bytes:
    head = b"\x01" + profile + bytes.fromhex("f000 fc fd f8 f8") + average_rate.to_bytes(2, "big")
    arrays = b"".join(
        bytes((0x80 | nal[0] >> 1 & 63, 0, 1)) + len(nal).to_bytes(2, "big") + nal for nal in nals
    )
    return head + b"\x0f" + bytes((len(nals),)) + arrays


def sps(
    *fields: str, sub_layers: str = "000" + "1", more_levels: str = "", header: str = "4201"
) -> bytes:
    general = bytes.fromhex(header) + octets(u(0, 4) + sub_layers) + PROFILE
    tail = octets(more_levels, *fields, "1")
    return (general + tail).replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")


SIZE = ue(0) + ue(1) + ue(640) + ue(360) + "0"
BLOCKS = ue(0) * 6
TOOLS = ue(0) + ue(0) + ue(4) + "0" + ue(0) * 3 + BLOCKS + "0" + "00" + "0"
"""Depths, picture order, ordering, blocks, no scaling lists, no PCM."""
AFTER_SETS = "0" + "00"
VUI = "1" + "0000" + "000" + "0" + "1" + u(1001, 32) + u(60_000, 32)
RATE = Fraction(60_000, 1001)


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ("01 60000000 900000000000 5d", "hvc1.1.6.L93.90"),
        ("01 60000000 b00000000000 78", "hvc1.1.6.L120.B0"),
        ("22 20000000 b00000000000 99", "hvc1.2.4.H153.B0"),
        ("04 08000000 9e0800000000 78", "hvc1.4.10.L120.9E.8"),
        ("41 80000000 000000000001 1e", "hvc1.A1.1.L30.0.0.0.0.0.1"),
        ("c1 00000000 000000000000 1e", "hvc1.C1.0.L30"),
    ],
)
def test_codec_strings_follow_annex_e(profile: str, expected: str) -> None:
    nal = sps(SIZE, TOOLS, ue(0), AFTER_SETS, VUI)
    track = parse_config(hvcc(nal, profile=bytes.fromhex(profile)))
    assert track.codec_string == expected


def test_size_and_rate_are_read() -> None:
    track = parse_config(hvcc(sps(SIZE, TOOLS, ue(0), AFTER_SETS, VUI)))
    assert (track.width, track.height, track.frame_rate) == (640, 360, RATE)


def test_cropping_counts_in_chroma_samples() -> None:
    window = "1" + ue(1) + ue(2) + ue(3) + ue(4)
    size = ue(0) + ue(2) + ue(640) + ue(360) + window
    track = parse_config(hvcc(sps(size, TOOLS, ue(0), AFTER_SETS, VUI)))
    assert (track.width, track.height) == (640 - 6, 360 - 7)


def test_every_optional_tool_is_passed() -> None:
    lists = ""
    for block_size in range(4):
        for matrix in range(2 if block_size == 3 else 6):
            if matrix % 2:
                lists += "0" + ue(matrix)
            else:
                scales = min(64, 1 << (4 + 2 * block_size))
                lists += "1" + (se(3) if block_size > 1 else "") + se(-1) * scales
    tools = ue(0) + ue(0) + ue(4) + "1" + ue(1) * 9 + BLOCKS
    tools += "1" + "1" + lists + "11" + "1" + u(0x77, 8) + ue(0) + ue(1) + "1"
    long_term = "1" + ue(2) + (u(5, 8) + "1") * 2
    display_window = "1" + ue(1) * 4
    aspect_to_chroma = "1" + u(1, 8) + "11" + "1" + u(5, 3) + "00" + "1" + ue(0) + ue(0)
    vui = "1" + aspect_to_chroma + "010" + display_window + "1" + u(1001, 32) + u(60_000, 32)
    sub_layers = "010" + "1"
    more_levels = "11" + "01" + "00" * 6 + u(0, 88) + u(30, 8) + u(30, 8)
    nal = sps(
        SIZE, tools, ue(0), long_term, "11", vui, sub_layers=sub_layers, more_levels=more_levels
    )
    track = parse_config(hvcc(nal))
    assert (track.width, track.height, track.frame_rate) == (640, 360, RATE)


def test_predicted_reference_picture_sets_are_followed() -> None:
    past = ue(0) + "1" + ue(0) + "1" + ue(1) + "1"
    itself = ue(3) + ue(1) + past + ue(1) + "1"  # -1, -2, -4 and 2
    # Shifted by one: -1 becomes 0 and is dropped; -1, -3, 1 and 3 remain.
    first = "1" + "0" + ue(0) + "1" * 5
    # Only the nearest is kept, unused by the current picture; shifted by one, it is dropped too.
    second = "1" + "0" + ue(0) + "01" + "00" * 4
    third = "1" + "1" + ue(0) + "1"
    sets = ue(4) + itself + first + second + third
    track = parse_config(hvcc(sps(SIZE, TOOLS, sets, AFTER_SETS, VUI)))
    assert track.frame_rate == RATE


def test_the_average_rate_of_the_record_counts_where_the_set_has_no_timing() -> None:
    nal = sps(SIZE, TOOLS, ue(0), AFTER_SETS, "0")
    assert parse_config(hvcc(nal, average_rate=25 * 256)).frame_rate == 25
    assert parse_config(hvcc(nal)).frame_rate is None


@pytest.mark.parametrize(
    "tail",
    [
        TOOLS + ue(65),
        TOOLS + ue(1) + ue(17) + ue(0),
        TOOLS + ue(0) + "1" + ue(33),
        ue(0) + ue(0) + ue(13),
        TOOLS + ue(0) + AFTER_SETS + "1",
    ],
)
def test_a_set_that_cannot_be_followed_leaves_the_size(tail: str) -> None:
    track = parse_config(hvcc(sps(SIZE, tail)))
    assert (track.width, track.height, track.frame_rate) == (640, 360, None)


def test_the_set_of_a_higher_layer_is_passed_over() -> None:
    nal = sps(SIZE, TOOLS, ue(0), AFTER_SETS, VUI)
    other = sps(SIZE, TOOLS, ue(0), AFTER_SETS, "0", header="4209")
    assert parse_config(hvcc(b"\x40\x01vps", other, nal)).frame_rate == RATE
    with pytest.raises(CodecConfigError, match="no sequence parameter set"):
        parse_config(hvcc(b"\x40\x01vps", other))


@pytest.mark.parametrize(
    "config",
    [
        b"\x02" + hvcc(sps(SIZE, "0"))[1:],
        hvcc(),
        hvcc(sps(ue(0) + ue(1) + ue(0) + ue(360) + "0")),
        hvcc(sps(ue(0) + ue(1) + ue(640) + ue(20_000) + "0")),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)
