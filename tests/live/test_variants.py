"""The multivariant playlist of a show."""

from __future__ import annotations

from fractions import Fraction

import pytest

from madang.wire.hls import MultivariantPlaylist, parse_multivariant
from tests.support.broadcast import Broadcast, Encoder


def playlist(encoder: Encoder) -> tuple[MultivariantPlaylist, Broadcast]:
    made = Broadcast()
    made.connect()
    made.send(encoder.stream(12.0))
    found = made.show.playlist()
    assert found is not None
    return parse_multivariant(found.body.decode()), made


def test_the_source_is_described_as_it_is() -> None:
    found, made = playlist(Encoder(rate=Fraction(30_000, 1001)))
    (variant,) = found.variants
    assert variant.uri == "source/media.m3u8"
    assert variant.codecs.startswith("avc1.")
    assert variant.codecs.endswith(",mp4a.40.2")
    assert variant.resolution == (160, 90)
    assert variant.frame_rate == pytest.approx(29.97, abs=0.05)
    # RFC 8216bis, section 4.4.6.2: BANDWIDTH is an upper bound of every segment's bit rate.
    assert variant.average_bandwidth is not None
    assert variant.bandwidth > variant.average_bandwidth
    for msn, segment in made.viewer.segments.items():
        size = sum(len(made.viewer.files[part.uri]) for part in segment.parts)
        if segment.complete:
            assert variant.bandwidth >= size * 8 / segment.duration, msn


def test_sound_alone_has_no_size_and_no_frame_rate() -> None:
    found, _ = playlist(Encoder(rate=None))
    (variant,) = found.variants
    assert variant.codecs == "mp4a.40.2"
    assert variant.resolution is None
    assert variant.frame_rate is None
