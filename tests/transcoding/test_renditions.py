"""Renditions of a file, and the commands that make them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from madang.media.track import Color
from madang.transcoding.arguments import Input, join, package, read_loudness, transcode
from madang.transcoding.renditions import renditions
from madang.transcoding.source import (
    INTERLACED,
    AudioStream,
    Source,
    VideoStream,
    decode_source,
)

FILE = Input(9, "mov")


def picture(width: int, height: int, codec: str = "h264", **fields: object) -> VideoStream:
    return VideoStream(0, codec, width=width, height=height, **fields)  # type: ignore[arg-type]


def sizes(stream: VideoStream, *, copied: bool) -> list[tuple[str, int, int]]:
    found = renditions(Source("mov", 1, 1.0, (stream,)), copied=copied)
    return [(each.name, each.width, each.height) for each in found]


@pytest.mark.parametrize(
    ("stream", "copied", "expected"),
    [
        (picture(1920, 1080), True, [("720p", 1280, 720), ("480p", 854, 480), ("360p", 640, 360)]),
        (picture(1280, 720), True, [("480p", 854, 480), ("360p", 640, 360)]),
        (picture(640, 360), True, []),
        (picture(160, 90), True, []),
        (picture(640, 360), False, [("360p", 640, 360)]),
        (picture(161, 91), False, [("90p", 160, 90)]),
        (picture(2, 1), False, [("2p", 4, 2)]),
        (picture(1000, 600), False, [("600p", 1000, 600), ("480p", 800, 480), ("360p", 600, 360)]),
        (picture(640, 360, "hevc"), True, [("360p", 640, 360)]),
        (picture(640, 360, rotation=90), False, [("360p", 360, 640)]),
        (picture(480, 360, pixel_aspect=Fraction(4, 3)), False, [("360p", 640, 360)]),
    ],
)
def test_renditions_are_never_larger(
    stream: VideoStream, copied: bool, expected: list[tuple[str, int, int]]
) -> None:
    assert sizes(stream, copied=copied) == expected


def test_a_large_picture_begins_at_1080p() -> None:
    names = [name for name, _, _ in sizes(picture(3840, 2160, "prores"), copied=False)]
    assert names == ["1080p", "720p", "480p", "360p"]


def test_sound_alone_has_no_other_renditions() -> None:
    assert renditions(Source("wav", 1, 1.0, (), (AudioStream(0, "pcm_s16le"),)), copied=True) == ()


def graph(stream: VideoStream, begin: float = 0.0) -> str:
    found = renditions(Source("mov", 1, 1.0, (stream,)), copied=False)
    command = transcode(stream, FILE, [(each, 5) for each in found], origin=20.0, begin=begin)
    return command[command.index("-filter_complex") + 1]


def test_pictures_are_decoded_once_for_all() -> None:
    text = graph(picture(1280, 720, "prores"))
    assert text.startswith("[0:0]format=yuv420p,split=3[pad0][pad1][pad2];")
    assert "trim" not in text


def test_filters_for_odd_pictures() -> None:
    assert "bwdif" in graph(picture(640, 480, field_order=INTERLACED))
    assert "tin=smpte2084" in graph(picture(640, 360, color=Color(9, 16, 9)))
    assert "tin=arib-std-b67" in graph(picture(640, 360, color=Color(9, 18, 9)))
    assert "[0:0]trim=start=7.9995" in graph(picture(640, 360), begin=8.0)


def test_no_command_opens_anything_but_descriptors() -> None:
    source = Source("mov", 1, 1.0, (picture(640, 360),), (AudioStream(1, "aac"),))
    for command in (package(source, FILE, 5), join(FILE, FILE, 4.0, 5)):
        inputs = [command[n + 1] for n, word in enumerate(command) if word == "-i"]
        assert set(inputs) == {"fd:"}
        assert command.count("-protocol_whitelist") == command.count("-i")
        assert command.count("-format_whitelist") == command.count("-i")


@pytest.mark.parametrize(
    ("text", "loudness"),
    [
        ("  Integrated loudness:\n    I:         -23.1 LUFS\n    Threshold: -33.1 LUFS\n", -23.1),
        ("    I:         -70.0 LUFS\n", None),
        ("    I:         -inf LUFS\n", None),
        ("    I:         nan LUFS\n", None),
        ("", None),
    ],
)
def test_loudness_of_silence_is_none(text: str, loudness: float | None) -> None:
    assert read_loudness(text) == loudness


def test_the_default_track_is_heard_and_the_largest_picture_shown() -> None:
    fields = {
        "format": "mov",
        "size": 1,
        "duration": None,
        "video": [],
        "audio": [
            {"index": 1, "codec": "aac"},
            {"index": 2, "codec": "aac", "default": True},
        ],
        "subtitles": [{"index": 3, "language": "kor"}],
        "truncated": False,
    }
    source = decode_source(fields)
    assert source.sound is not None
    assert source.sound.index == 2
    assert source.picture is None
