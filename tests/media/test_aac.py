"""AudioSpecificConfig in forms that the available encoders do not produce."""

from __future__ import annotations

import array
import itertools
import math
import subprocess
from pathlib import Path

import av
import pytest

from madang.media.aac import parse_config
from madang.media.bits import CodecConfigError, UnplayableConfig
from tests.support.bit_fields import octets, u
from tests.support.samples import PROGRAMS, demux

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
        (asc(2, 3, 7, GENERAL), "mp4a.40.2", 48_000, 8, 1024),
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


def program_config(front: str, side: str, back: str, low: int, coupling: int = 0) -> str:
    """Return a program config element: an `S` for each single element, a `P` for each pair."""
    elements = "".join(
        ("1" if kind == "P" else "0") + u(number, 4)
        for side_elements in (front, side, back)
        for number, kind in enumerate(side_elements)
    )
    counts = u(len(front), 4) + u(len(side), 4) + u(len(back), 4)
    counts += u(low, 2) + u(2, 3) + u(coupling, 4)
    mixdowns = "1" + u(3, 4) + "0" + "1" + u(5, 3)
    others = u(0, 4) * low + u(0, 4) * 2 + ("1" + u(0, 4)) * coupling
    return u(0, 4) + u(1, 2) + u(3, 4) + counts + mixdowns + elements + others


def with_program(program: str, *rest: str) -> bytes:
    head = u(2, 5) + u(3, 4) + u(0, 4) + GENERAL + program
    head += "0" * (-len(head) % 8) + u(3, 8) + u(0xABCDEF, 24)
    return octets(head, *rest)


@pytest.mark.parametrize(
    ("elements", "configuration"),
    [
        (("S", "", "", 0), 1),
        (("P", "", "", 0), 2),
        (("SP", "", "S", 0), 4),
        (("SP", "P", "", 1), 6),
        (("SP", "", "P", 1), 6),
        (("SPP", "", "P", 1), 7),
    ],
)
def test_a_program_config_element_becomes_the_plain_configuration_that_says_the_same(
    elements: tuple[str, str, str, int], configuration: int
) -> None:
    extension = SBR_SYNC + "1" + u(0, 4)
    track = parse_config(with_program(program_config(*elements), extension))
    assert track.config == asc(2, 3, configuration, GENERAL, extension)
    assert track.channels == (8 if configuration == 7 else configuration)
    assert (track.codec_string, track.sample_rate) == ("mp4a.40.5", 96_000)


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (with_program(program_config("SP", "P", "P", 1)), "8 channels"),
        (with_program(program_config("P", "", "P", 0)), "4 channels"),
        (with_program(program_config("SS", "", "", 0)), "2 channels"),
        (with_program(program_config("P", "", "", 0, coupling=1)), "2 channels"),
        (asc(2, 3, 11, GENERAL), "7 channels"),
        (asc(2, 3, 12, GENERAL), "8 channels"),
        (octets(u(2, 5), u(15, 4), u(37_800, 24), u(2, 4), GENERAL), "37800 Hz"),
    ],
)
def test_what_no_browser_plays_is_named(config: bytes, what: str) -> None:
    with pytest.raises(UnplayableConfig) as caught:
        parse_config(config)
    assert what in caught.value.what
    assert caught.value.what in str(caught.value)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_rate_in_hertz_is_written_as_its_index(rate: int) -> None:
    config = octets(u(2, 5), u(15, 4), u(rate, 24), u(2, 4), GENERAL)
    assert parse_config(config).config == asc(2, 4 if rate == 44_100 else 3, 2, GENERAL)


def test_bytes_behind_a_configuration_are_left_out() -> None:
    config = asc(2, 3, 2, GENERAL)
    assert parse_config(config + b"\0").config == config


FREQUENCIES = {"FL": 300, "FR": 500, "FC": 700, "LFE": 60, "SL": 900, "SR": 1100}


def test_surround_of_a_program_config_element_is_heard_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "side.mp4"
    tones = "|".join(f"sin({2 * math.pi * hz:.3f}*t)/2" for hz in FREQUENCIES.values())
    subprocess.run(
        [
            *(PROGRAMS["bundled"], "-v", "error", "-f", "lavfi"),
            *("-i", f"aevalsrc={tones}:channel_layout=5.1(side):sample_rate=48000"),
            *("-t", "1", "-c:a", "aac", "-b:a", "384k", str(path)),
        ],
        check=True,
        timeout=60,
    )
    (stream,) = demux(path)
    assert stream.stream.extradata[1] & 0x78 == 0
    track = parse_config(stream.stream.extradata)
    assert track.config[1] >> 3 & 15 == 6
    decoder = av.CodecContext.create("aac", "r")
    assert isinstance(decoder, av.AudioCodecContext)
    decoder.extradata = track.config
    frames = [frame for unit in stream.units for frame in decoder.decode(av.Packet(unit.data))]
    frame = frames[len(frames) // 2]
    heard = {}
    for channel, plane in zip(frame.layout.channels, frame.planes, strict=True):
        samples = array.array("f", bytes(plane))[: frame.samples]
        crossings = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
        heard[channel.name.replace("B", "S")] = crossings * 48_000 / len(samples)
    assert heard.keys() == FREQUENCIES.keys()
    for name, hz in FREQUENCIES.items():
        assert heard[name] == pytest.approx(hz, abs=50), name


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
