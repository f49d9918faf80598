"""The multivariant playlist of a show."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest

from madang.live.events import InitChanged
from madang.wire.hls import MultivariantPlaylist, Variant, parse_multivariant
from tests.live.advice_cases import shown
from tests.support.broadcast import Broadcast, Encoder, Sent
from tests.support.real_streams import SIZE, X264, real_stream


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


def source(made: Broadcast) -> Variant:
    """Return what the playlist says of the source."""
    found = made.show.playlist()
    assert found is not None
    return parse_multivariant(found.body.decode()).variants[0]


def pictures(rate: int, *filters: str) -> tuple[Sent, ...]:
    """Return a stream with a key frame every second."""
    group = ("-g", str(rate), "-bf", "0", *(("-vf", ",".join(filters)) if filters else ()))
    return real_stream((*X264, *group), seconds=8.0, source=f"testsrc2=s={SIZE}:r={rate}")


@pytest.mark.parametrize(("before", "after"), [(1, 25), (60, 15), (25, 60)])
def test_the_frame_rate_after_a_takeover_is_that_of_the_new_encoder(
    before: int, after: int
) -> None:
    made = shown(pictures(before))
    assert source(made).frame_rate == before
    made.connect()
    made.send(pictures(after))
    assert source(made).frame_rate == after


def test_pictures_after_a_takeover_leave_no_holes_between_parts() -> None:
    made = shown(pictures(60))
    made.connect()
    made.send(pictures(15))
    units = made.viewer.all_units()[1][-60:]
    for unit, later in pairwise(units):
        assert unit.dts + unit.duration == pytest.approx(later.dts, abs=180)


def test_the_size_is_that_of_the_picture_as_it_is_shown() -> None:
    made = shown(pictures(25, "scale=180:144", "setsar=16/15"))
    assert source(made).resolution == (192, 144)


def test_a_picture_that_is_turned_has_another_size_and_another_init_section() -> None:
    turn = ("-bsf:v", "h264_metadata=display_orientation=insert:rotate=90")
    made = shown(pictures(25))
    made.connect()
    made.send(real_stream((*X264, "-g", "25", "-bf", "0", *turn), seconds=8.0))
    assert source(made).resolution == (90, 160)
    inits = [event for event in made.events if isinstance(event, InitChanged)]
    sizes = [event.tracks.video.display_size for event in inits if event.tracks.video]
    assert sizes == [(160, 90), (90, 160)]


def test_a_high_dynamic_range_is_named() -> None:
    sdr, hlg = pictures(25), pictures(25, "format=yuv420p", "setparams=color_trc=arib-std-b67")
    assert source(shown(sdr)).video_range == "SDR"
    assert source(shown(hlg)).video_range == "HLG"
