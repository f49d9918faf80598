"""Sequence headers and codec strings of AV1 that the available encoders do not produce."""

from __future__ import annotations

from fractions import Fraction

import pytest

from madang.media.av1 import parse_config, strip_temporal_delimiters
from madang.media.bits import CodecConfigError
from tests.support.bit_fields import octets, u, ue
from tests.support.samples import sample

RECORD = b"\x81\x00\x0c\x00"
DELIMITER = b"\x12\x00"


def obu(obu_type: int, payload: bytes, *, sized: bool = True, extension: bytes = b"") -> bytes:
    head = bytes((obu_type << 3 | bool(extension) << 2 | sized << 1,)) + extension
    return head + (bytes((len(payload),)) if sized else b"") + payload


def sequence(
    *, profile: int = 0, timing: str = "0", points: str = "0" + u(0, 5) + u(0, 12) + u(8, 5) + "0"
) -> list[str]:
    """Return the fields from the profile to the size, 1920 by 1080."""
    return [u(profile, 3) + "00", timing, points, u(10, 4) + u(10, 4) + u(1919, 11) + u(1079, 11)]


TOOLS = "0" + "000" + "0000" + "1" + "11" + "1" + "1" + u(6, 3) + "000"
"""No frame ids, order hints, tools selected per frame."""
COLOR_DEFAULT = "0" + "0" + "0" + "0" + "00"
"""8 bits, colour, no description, limited range, unknown chroma position."""


def track_of(*fields: str) -> tuple[str, Fraction | None]:
    track = parse_config(RECORD + obu(1, octets(*fields, "0", "1")))
    assert (track.width, track.height) == (1920, 1080)
    return track.codec_string, track.frame_rate


def test_a_plain_header_has_the_short_string() -> None:
    assert track_of(*sequence(), TOOLS, COLOR_DEFAULT) == ("av01.0.08M.08", None)


@pytest.mark.parametrize(
    ("profile", "color", "expected"),
    [
        (0, "1" + "0" + "0" + "0" + "00", "av01.0.08M.10"),
        (0, "0" + "0" + "1" + u(0x010101, 24) + "0" + "00", "av01.0.08M.08"),
        (0, "0" + "0" + "0" + "0" + "01", "av01.0.08M.08.0.111.02.02.02.0"),
        (0, "0" + "0" + "0" + "1" + "00", "av01.0.08M.08.0.110.02.02.02.1"),
        (0, "1" + "0" + "1" + u(0x091009, 24) + "0" + "10", "av01.0.08M.10.0.112.09.16.09.0"),
        (0, "0" + "1" + "0" + "0", "av01.0.08M.08.1.110.02.02.02.0"),
        (1, "0" + "0" + "0", "av01.1.08M.08.0.000.02.02.02.0"),
        (1, "0" + "1" + u(0x010D00, 24), "av01.1.08M.08.0.000.01.13.00.1"),
        (2, "0" + "0" + "0" + "0", "av01.2.08M.08.0.100.02.02.02.0"),
        (2, "1" + "1" + "0" + "0" + "0" + "0", "av01.2.08M.12.0.000.02.02.02.0"),
        (2, "1" + "1" + "0" + "0" + "0" + "11" + "00", "av01.2.08M.12"),
    ],
)
def test_the_string_is_long_where_something_is_not_default(
    profile: int, color: str, expected: str
) -> None:
    assert track_of(*sequence(profile=profile), TOOLS, color)[0] == expected


def test_timing_and_operating_points_are_read() -> None:
    timing = "1" + u(1001, 32) + u(60_000, 32) + "1" + ue(1)
    model = "1" + u(9, 5) + u(1, 32) + u(9, 5) + u(9, 5)
    first = u(0x103, 12) + u(13, 5) + "1" + "1" + u(7, 10) * 2 + "1" + "1" + u(3, 4)
    second = u(0x102, 12) + u(5, 5) + "0" + "0"
    points = "1" + u(1, 5) + first + second
    fields = sequence(timing=timing + model, points=points)
    string, rate = track_of(*fields, TOOLS, COLOR_DEFAULT)
    assert (string, rate) == ("av01.0.13H.08", Fraction(30_000, 1001))


def test_a_variable_frame_rate_is_none() -> None:
    timing = "1" + u(1, 32) + u(30, 32) + "0" + "0"
    assert track_of(*sequence(timing=timing), TOOLS, COLOR_DEFAULT)[1] is None


def test_a_reduced_header_is_read() -> None:
    size = u(10, 4) + u(10, 4) + u(1919, 11) + u(1079, 11)
    fields = (u(0, 3) + "11" + u(4, 5), size, "000" + "000", COLOR_DEFAULT)
    assert track_of(*fields) == ("av01.0.04M.08", None)


@pytest.mark.parametrize(
    "tools",
    [
        "1" + u(0, 7) + "000" + "0000" + "0" + "0" + "0" + "000",
        "0" + "000" + "0000" + "0" + "1" + "0" + "1" + "000",
        "0" + "000" + "0000" + "0" + "0" + "1" + "1" + "000",
    ],
)
def test_tools_of_any_choice_are_passed(tools: str) -> None:
    color = "1" + "0" + "1" + u(0x091009, 24) + "0" + "10"
    assert track_of(*sequence(), tools, color)[0] == "av01.0.08M.10.0.112.09.16.09.0"


def test_the_sequence_header_may_come_with_the_first_frame() -> None:
    made = sample("bundled", "av1")
    # Temporal delimiter, metadata with an extension byte and a size of two bytes, header.
    metadata = b"\x2e\x00\x80\x01" + bytes(128)
    header = made.config[4:]
    track = parse_config(made.config[:4], DELIMITER + metadata + header)
    assert (track.width, track.height) == (made.stream.width, made.stream.height)
    assert track.config == made.config[:4]
    with pytest.raises(CodecConfigError, match="no sequence header"):
        parse_config(made.config[:4], DELIMITER + metadata * 16 + header)


@pytest.mark.parametrize(
    "config",
    [
        b"\x82\x00\x0c\x00",
        RECORD[:3],
        RECORD,
        RECORD + b"\x80",
        RECORD + b"\x0a\x05",
        RECORD + b"\x0a" + b"\xff" * 8,
        RECORD + b"\x0a\x80",
        RECORD + obu(1, octets(*sequence()), sized=False),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)


def test_a_header_may_end_without_its_size() -> None:
    payload = octets(*sequence(), TOOLS, COLOR_DEFAULT, "0", "1")
    assert parse_config(RECORD + obu(1, payload, sized=False)).width == 1920


@pytest.mark.parametrize(
    "delimiter", [DELIMITER, b"\x16\x00\x00", b"\x12\x80\x00", obu(2, b"", extension=b"\x20")]
)
def test_a_leading_temporal_delimiter_is_stripped(delimiter: bytes) -> None:
    frame = sample("bundled", "av1").units[0].data
    assert strip_temporal_delimiters(delimiter + frame) == frame
    assert strip_temporal_delimiters(frame) is frame


def test_a_temporal_delimiter_without_a_size_is_all_there_is() -> None:
    assert strip_temporal_delimiters(b"\x10") == b""
    assert strip_temporal_delimiters(b"") == b""


def test_a_temporal_delimiter_that_is_cut_off_is_refused() -> None:
    with pytest.raises(CodecConfigError, match="cut off"):
        strip_temporal_delimiters(b"\x12")
