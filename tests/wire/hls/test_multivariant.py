"""Multivariant playlists."""

from __future__ import annotations

import pytest
from hypothesis import given

from madang.wire.hls import (
    MultivariantPlaylist,
    PlaylistError,
    Variant,
    parse_multivariant,
    render_multivariant,
)
from tests.support.hls_strategies import multivariant_playlists


def test_variants_are_written_line_by_line() -> None:
    playlist = MultivariantPlaylist(
        (
            Variant(
                "source/media.m3u8",
                3_000_000,
                "avc1.640028,mp4a.40.2",
                average_bandwidth=2_600_000,
                resolution=(1280, 720),
                frame_rate=29.97,
            ),
            Variant("audio/media.m3u8", 130_000, "mp4a.40.2"),
        ),
        independent_segments=True,
    )
    assert render_multivariant(playlist) == (
        "#EXTM3U\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2600000,"
        'CODECS="avc1.640028,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970\n'
        "source/media.m3u8\n"
        '#EXT-X-STREAM-INF:BANDWIDTH=130000,CODECS="mp4a.40.2"\n'
        "audio/media.m3u8\n"
    )


@given(multivariant_playlists)
def test_whatever_is_written_reads_back_the_same(playlist: MultivariantPlaylist) -> None:
    assert parse_multivariant(render_multivariant(playlist)) == playlist


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#EXT-X-STREAM-INF:BANDWIDTH=1\nx",
        "#EXTM3U\nx.m3u8",
        '#EXTM3U\n#EXT-X-STREAM-INF:CODECS="x"\nx.m3u8',
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=640\nx.m3u8",
        "#EXTM3U\n#EXT-X-TARGETDURATION:2",
    ],
)
def test_what_is_no_multivariant_playlist_is_refused(text: str) -> None:
    with pytest.raises(PlaylistError):
        parse_multivariant(text)
