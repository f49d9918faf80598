"""Delta updates: skip boundary, and restoring the full playlist (RFC 8216bis, 6.2.5.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.wire.hls import (
    MediaPlaylist,
    Part,
    PlaylistError,
    Segment,
    apply_delta,
    parse_media,
    render_media,
)
from tests.support.hls_strategies import segment_lists


def live(count: int, *, first: int = 0, until: float = 12, last_parts: int = 0) -> MediaPlaylist:
    """Return a playlist of 2 s segments, the last growing with `last_parts` parts of 0.5 s."""
    segments = [Segment(f"{first + i}.mp4", 2.0, map_uri="init.mp4") for i in range(count)]
    if last_parts:
        parts = tuple(Part(f"{first + count}.{i}.mp4", 0.5) for i in range(last_parts))
        growing = Segment("", 0.5 * last_parts, parts, map_uri="init.mp4", complete=False)
        segments.append(growing)
    return MediaPlaylist(2, tuple(segments), 0.5, 1.5, until, media_sequence=first)


@pytest.mark.parametrize(
    ("playlist", "skipped"),
    [
        (live(6), 0),
        (live(7), 0),
        # The first segment ends exactly at the boundary: "further from the end ... than".
        (live(7, until=12.0), 0),
        (live(7, last_parts=1), 1),
        (live(8), 1),
        (live(20), 13),
        (replace(live(20), can_skip_until=None), 0),
        (replace(live(20), ended=True), 0),
    ],
)
def test_segments_beyond_the_skip_boundary_are_skipped(
    playlist: MediaPlaylist, skipped: int
) -> None:
    text = render_media(playlist, skip=True)
    assert parse_media(text).skipped == skipped
    assert ("#EXT-X-SKIP" in text) == bool(skipped)


def test_nothing_is_skipped_unless_asked() -> None:
    assert "#EXT-X-SKIP" not in render_media(live(20))


def test_a_delta_update_keeps_the_numbers_and_states_the_map() -> None:
    text = render_media(live(9, first=40), skip=True)
    assert "\n#EXT-X-VERSION:9\n" in text
    assert (
        "#EXT-X-MEDIA-SEQUENCE:40\n"
        "#EXT-X-SKIP:SKIPPED-SEGMENTS=2\n"
        '#EXT-X-MAP:URI="init.mp4"\n'
        "#EXTINF:2,\n"
        "42.mp4\n"
    ) in text


@given(
    segments=segment_lists(parts_from=2),
    until=st.sampled_from([40.00001, 60.0]),
    lost=st.integers(0, 12),
    newer=st.integers(0, 12),
)
def test_a_delta_update_applied_is_the_full_playlist(
    segments: tuple[Segment, ...], until: float, lost: int, newer: int
) -> None:
    """`lost` segments were removed since the earlier playlist, `newer` ones added."""
    full = MediaPlaylist(20, segments[lost:], 0.5, 1.5, until, media_sequence=lost)
    delta = parse_media(render_media(full, skip=True))
    kept = len(segments) - newer
    kept = max(kept, lost + delta.skipped)
    previous = MediaPlaylist(20, segments[:kept], 0.5, 1.5, until)
    assert apply_delta(previous, delta) == full


def test_a_delta_update_without_a_map_takes_that_of_the_skipped_segments() -> None:
    full = live(9)
    text = render_media(full, skip=True).replace('#EXT-X-MAP:URI="init.mp4"\n', "")
    assert apply_delta(full, parse_media(text)) == full


def test_skipped_segments_come_without_their_parts() -> None:
    earlier = replace(
        live(9), segments=tuple(replace(s, parts=(Part("p", 2.0),)) for s in live(9).segments)
    )
    delta = parse_media(render_media(live(9), skip=True))
    assert apply_delta(earlier, delta) == live(9)


@pytest.mark.parametrize(
    "previous",
    [live(1, first=40), live(9, first=41), live(9, first=20), live(1, first=40, last_parts=2)],
)
def test_a_playlist_that_lacks_the_skipped_segments_cannot_be_brought_up_to_date(
    previous: MediaPlaylist,
) -> None:
    delta = parse_media(render_media(live(9, first=40), skip=True))
    assert delta.skipped == 2
    with pytest.raises(PlaylistError):
        apply_delta(previous, delta)
