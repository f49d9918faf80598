"""Hypothesis strategies for playlists that the format can express."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from madang.wire.hls import (
    ByteRange,
    MediaPlaylist,
    MultivariantPlaylist,
    Part,
    RenditionReport,
    Segment,
    Variant,
)

LONGEST = 20.0
"""Seconds of the longest segments and parts."""

uris = st.from_regex(r"[a-z0-9./_~%?=-][a-z0-9#,./_~%?= -]{0,30}", fullmatch=True)
durations = st.integers(1, 2_000_000).map(lambda ticks: round(ticks / 100_000, 5))
instants = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
byte_ranges = st.builds(ByteRange, st.integers(0, 2**50), st.integers(1, 2**40))
parts = st.builds(Part, uris, durations, st.booleans())


@st.composite
def segment_lists(draw: st.DrawFn, *, parts_from: int = 0) -> tuple[Segment, ...]:
    """Draw segments, the last possibly growing, with parts in the last `parts_from` of them."""
    count = draw(st.integers(0, 12))
    map_uri = draw(st.none() | uris)
    map_range = draw(st.none() | byte_ranges) if map_uri is not None else None
    segments = []
    for index in range(count):
        if map_uri is not None and draw(st.booleans()):
            map_uri, map_range = draw(uris), draw(st.none() | byte_ranges)
        near = parts_from == 0 or index >= count - parts_from
        listed = tuple(draw(st.lists(parts, max_size=4))) if near else ()
        length = round(sum(part.duration for part in listed), 5)
        # A growing segment is no longer than the longest whole one.
        growing = 0 < length <= LONGEST and index == count - 1 and draw(st.booleans())
        segments.append(
            Segment(
                uri="" if growing else draw(uris),
                duration=length if growing else draw(durations),
                parts=listed,
                program_date_time=draw(st.none() | instants),
                discontinuity=draw(st.booleans()),
                map_uri=map_uri,
                complete=not growing,
                byte_range=None if growing else draw(st.none() | byte_ranges),
                map_range=map_range,
                gap=not growing and draw(st.booleans()),
            )
        )
    return tuple(segments)


media_playlists = st.builds(
    MediaPlaylist,
    target_duration=st.integers(1, 20),
    segments=segment_lists(),
    part_target=durations,
    part_hold_back=st.none() | durations,
    can_skip_until=st.none() | durations,
    media_sequence=st.integers(0, 2**64 - 1),
    discontinuity_sequence=st.integers(0, 2**64 - 1),
    preload_hint=st.none() | uris,
    rendition_reports=st.lists(
        st.builds(RenditionReport, uris, st.integers(0, 2**40), st.integers(0, 99)), max_size=3
    ).map(tuple),
    ended=st.booleans(),
    playlist_type=st.sampled_from([None, "EVENT", "VOD"]),
)

variants = st.builds(
    Variant,
    uri=uris,
    bandwidth=st.integers(0, 2**63),
    codecs=st.sampled_from(["", "avc1.640028,mp4a.40.2", "av01.0.08M.08"]),
    average_bandwidth=st.none() | st.integers(0, 2**63),
    resolution=st.none() | st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
    frame_rate=st.none() | st.integers(1, 240_000).map(lambda rate: round(rate / 1000, 3)),
)

multivariant_playlists = st.builds(
    MultivariantPlaylist, st.lists(variants, max_size=5).map(tuple), st.booleans()
)
