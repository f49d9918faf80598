"""Frame headers of MP3."""

from __future__ import annotations

import pytest

from madang.media.bits import CodecConfigError
from madang.media.mp3 import parse_frame


@pytest.mark.parametrize(
    ("header", "rate", "channels", "samples", "string"),
    [
        ("fffb9000", 44_100, 2, 1152, "mp4a.6B"),
        ("fffa94c0", 48_000, 1, 1152, "mp4a.6B"),
        ("fffb9840", 32_000, 2, 1152, "mp4a.6B"),
        ("fff39040", 22_050, 2, 576, "mp4a.69"),
        ("fff398c0", 16_000, 1, 576, "mp4a.69"),
        ("ffe394c0", 12_000, 1, 576, "mp4a.69"),
    ],
)
def test_headers_are_read(header: str, rate: int, channels: int, samples: int, string: str) -> None:
    track = parse_frame(bytes.fromhex(header))
    assert (track.sample_rate, track.channels) == (rate, channels)
    assert (track.frame_samples, track.codec_string) == (samples, string)


@pytest.mark.parametrize("header", ["", "fffb", "fefb9000", "ffeb9000", "fffd9000", "fffb9c00"])
def test_damaged_headers_are_refused(header: str) -> None:
    with pytest.raises(CodecConfigError):
        parse_frame(bytes.fromhex(header))
