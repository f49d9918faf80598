"""AudioSpecificConfig in forms that the available encoders do not produce."""

from __future__ import annotations

import pytest

from madang.media.aac import parse_config
from madang.media.bits import CodecConfigError
from tests.support.bit_fields import octets, u

GENERAL = "000"
"""1024 samples, no core coder, no extension."""


def asc(object_type: int, rate: int, channels: int, *rest: str) -> bytes:
    return octets(u(object_type, 5), u(rate, 4), u(channels, 4), *rest)


SBR_SYNC = u(0x2B7, 11) + u(5, 5)
PS_SYNC = u(0x548, 11)


@pytest.mark.parametrize(
    ("config", "string", "rate", "channels", "samples"),
    [
        (asc(2, 3, 2, GENERAL), "mp4a.40.2", 48_000, 2, 1024),
        (asc(2, 4, 1, "100"), "mp4a.40.2", 44_100, 1, 960),
        (asc(2, 4, 2, "010" + u(0, 14)), "mp4a.40.2", 44_100, 2, 1024),
        (octets(u(2, 5), u(15, 4), u(37_800, 24), u(2, 4), GENERAL), "mp4a.40.2", 37_800, 2, 1024),
        (asc(2, 3, 7, GENERAL), "mp4a.40.2", 48_000, 8, 1024),
        (asc(2, 3, 11, GENERAL), "mp4a.40.2", 48_000, 7, 1024),
        (asc(5, 6, 2, u(3, 4) + u(2, 5) + GENERAL), "mp4a.40.5", 48_000, 2, 2048),
        (asc(5, 6, 2, u(3, 4) + u(2, 5) + "100"), "mp4a.40.5", 48_000, 2, 1920),
        (asc(5, 3, 2, u(3, 4) + u(2, 5) + GENERAL), "mp4a.40.5", 48_000, 2, 1024),
        (asc(29, 6, 1, u(3, 4) + u(2, 5) + GENERAL), "mp4a.40.29", 48_000, 2, 2048),
        (asc(2, 6, 2, GENERAL + SBR_SYNC + "1" + u(3, 4)), "mp4a.40.5", 48_000, 2, 2048),
        (asc(2, 6, 2, GENERAL + SBR_SYNC + "0"), "mp4a.40.2", 24_000, 2, 1024),
        (
            asc(2, 6, 1, GENERAL + SBR_SYNC + "1" + u(3, 4) + PS_SYNC + "1"),
            "mp4a.40.29",
            48_000,
            2,
            2048,
        ),
        (
            asc(2, 6, 1, GENERAL + SBR_SYNC + "1" + u(3, 4) + PS_SYNC + "0"),
            "mp4a.40.5",
            48_000,
            1,
            2048,
        ),
    ],
)
def test_configurations_are_read(
    config: bytes, string: str, rate: int, channels: int, samples: int
) -> None:
    track = parse_config(config)
    assert track.config == config
    assert (track.codec_string, track.sample_rate) == (string, rate)
    assert (track.channels, track.frame_samples) == (channels, samples)


def test_channels_of_a_program_config_element_are_counted() -> None:
    # Front: one single and one pair; side: one pair; back: one pair; one low-frequency channel.
    elements = "0" + u(0, 4) + "1" + u(0, 4) + "1" + u(1, 4) + "1" + u(2, 4)
    others = u(0, 4) + u(0, 4) * 2 + ("1" + u(0, 4))
    counts = u(2, 4) + u(1, 4) + u(1, 4) + u(1, 2) + u(2, 3) + u(1, 4)
    mixdowns = "1" + u(3, 4) + "0" + "1" + u(5, 3)
    head = u(2, 5) + u(3, 4) + u(0, 4) + GENERAL + u(0, 4) + u(1, 2) + u(3, 4)
    program = head + counts + mixdowns + elements + others
    program += "0" * (-len(program) % 8) + u(3, 8) + u(0xABCDEF, 24)
    extension = SBR_SYNC + "1" + u(0, 4)
    track = parse_config(octets(program, extension))
    assert (track.channels, track.codec_string, track.sample_rate) == (8, "mp4a.40.5", 96_000)


@pytest.mark.parametrize("object_type", [0, 6, 22, 23, 30])
def test_object_types_that_browsers_do_not_play_are_named(object_type: int) -> None:
    with pytest.raises(CodecConfigError, match=f"object type {object_type}, .*Choose AAC-LC"):
        parse_config(asc(object_type, 3, 2, GENERAL))


def test_escaped_object_types_are_named() -> None:
    with pytest.raises(CodecConfigError, match="object type 42,"):
        parse_config(octets(u(31, 5) + u(10, 6) + u(3, 4) + u(2, 4) + u(0, 20)))


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"\x11",
        asc(2, 13, 2, GENERAL),
        octets(u(2, 5), u(15, 4), u(0, 24), u(2, 4), GENERAL),
        octets(u(2, 5), u(15, 4), u(1_000_000, 24), u(2, 4), GENERAL),
        asc(2, 3, 8, GENERAL),
        asc(2, 3, 0, GENERAL + u(0, 31), u(0, 40)),
        asc(5, 6, 2),
    ],
)
def test_impossible_configurations_are_refused(config: bytes) -> None:
    with pytest.raises(CodecConfigError):
        parse_config(config)
