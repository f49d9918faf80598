"""Media playlists: rendering, parsing, refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given

from madang.base.errors import LimitExceeded
from madang.wire.hls import (
    MediaPlaylist,
    Part,
    PlaylistError,
    RenditionReport,
    Segment,
    parse_media,
    render_media,
)
from madang.wire.hls.tags import MAX_PLAYLIST_CHARS
from tests.support.hls_strategies import media_playlists

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)

LIVE = MediaPlaylist(
    target_duration=2,
    part_target=0.33,
    part_hold_back=0.99,
    can_skip_until=12,
    media_sequence=7,
    discontinuity_sequence=1,
    segments=(
        Segment("7.mp4", 2.0, program_date_time=NOON, map_uri="init-1.mp4"),
        Segment(
            "8.mp4",
            0.66,
            (Part("8.0.mp4", 0.33, independent=True), Part("8.1.mp4", 0.33)),
            NOON + timedelta(seconds=2),
            discontinuity=True,
            map_uri="init-2.mp4",
        ),
        Segment(
            "",
            0.33333,
            (Part("9.0.mp4", 0.33333, independent=True),),
            map_uri="init-2.mp4",
            complete=False,
        ),
    ),
    preload_hint="9.1.mp4",
    rendition_reports=(RenditionReport("../low/media.m3u8", 9, 0),),
)

LIVE_TEXT = """\
#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.99,CAN-SKIP-UNTIL=12
#EXT-X-PART-INF:PART-TARGET=0.33
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-DISCONTINUITY-SEQUENCE:1
#EXT-X-MAP:URI="init-1.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-06-01T12:00:00.000Z
#EXTINF:2,
7.mp4
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI="init-2.mp4"
#EXT-X-PROGRAM-DATE-TIME:2025-06-01T12:00:02.000Z
#EXT-X-PART:DURATION=0.33,URI="8.0.mp4",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.33,URI="8.1.mp4"
#EXTINF:0.66,
8.mp4
#EXT-X-PART:DURATION=0.33333,URI="9.0.mp4",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="9.1.mp4"
#EXT-X-RENDITION-REPORT:URI="../low/media.m3u8",LAST-MSN=9,LAST-PART=0
"""


def test_a_live_playlist_is_written_line_by_line() -> None:
    assert render_media(LIVE) == LIVE_TEXT


def test_a_written_playlist_reads_back() -> None:
    assert parse_media(LIVE_TEXT) == LIVE


@given(media_playlists)
def test_whatever_is_written_reads_back_the_same(playlist: MediaPlaylist) -> None:
    assert parse_media(render_media(playlist)) == playlist


@pytest.mark.parametrize(
    ("playlist", "version"),
    [
        (MediaPlaylist(4, (Segment("0.ts", 3.5),)), 3),
        (MediaPlaylist(4, (Segment("0.mp4", 3.5, map_uri="init.mp4"),)), 6),
        (MediaPlaylist(4, (Segment("0.mp4", 3.5, map_uri="init.mp4"),), can_skip_until=24), 9),
    ],
)
def test_the_version_is_the_lowest_that_allows_the_tags(
    playlist: MediaPlaylist, version: int
) -> None:
    assert f"\n#EXT-X-VERSION:{version}\n" in render_media(playlist)


def test_the_end_is_written_last() -> None:
    ended = replace(LIVE, ended=True, preload_hint=None, segments=LIVE.segments[:2])
    assert render_media(ended).endswith("LAST-PART=0\n#EXT-X-ENDLIST\n")


def test_a_growing_segment_without_parts_is_left_out() -> None:
    newborn = Segment("10.mp4", 0, map_uri="init-3.mp4", discontinuity=True, complete=False)
    assert render_media(replace(LIVE, segments=(*LIVE.segments[:2], newborn))) == render_media(
        replace(LIVE, segments=LIVE.segments[:2])
    )


def test_times_are_written_in_utc() -> None:
    seoul = datetime(2025, 6, 1, 21, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=9)))
    text = render_media(MediaPlaylist(2, (Segment("0.mp4", 2, program_date_time=seoul),)))
    assert "#EXT-X-PROGRAM-DATE-TIME:2025-06-01T12:00:00.123Z\n" in text


@pytest.mark.parametrize(
    "playlist",
    [
        MediaPlaylist(2, (Segment("#0.mp4", 2),)),
        MediaPlaylist(2, (Segment("", 2),)),
        MediaPlaylist(2, (Segment("0.mp4\n#EXT-X-ENDLIST", 2),)),
        MediaPlaylist(2, preload_hint='0.mp4",X="'),
        MediaPlaylist(2, (Segment("0", 2, map_uri="init"), Segment("1", 2))),
        MediaPlaylist(2, (Segment("0", 2, (Part("p", 1),), complete=False), Segment("1", 2))),
        MediaPlaylist(2, (Segment("0", 2, program_date_time=NOON.replace(tzinfo=None)),)),
        MediaPlaylist(2, skipped=3),
    ],
)
def test_what_the_format_cannot_express_is_not_written(playlist: MediaPlaylist) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        render_media(playlist)


@pytest.mark.parametrize(
    "body",
    [
        "",  # EXT-X-TARGETDURATION is required (4.4.3.1)
        "#EXT-X-TARGETDURATION:2.5",
        "#EXT-X-TARGETDURATION:-2",
        "#EXT-X-TARGETDURATION:" + "9" * 5000,
        "#EXT-X-TARGETDURATION:2\n0.mp4",  # EXTINF is required (4.4.4.1)
        "#EXT-X-TARGETDURATION:2\n#EXTINF:nan,\n0.mp4",
        "#EXT-X-TARGETDURATION:2\n#EXTINF:1e3,\n0.mp4",
        "#EXT-X-TARGETDURATION:2\n#EXT-X-KEY:METHOD=NONE",
        "#EXT-X-TARGETDURATION:2\n#EXT-X-BYTERANGE:10\n#EXTINF:2,\n0.mp4",  # no offset
        '#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="i",BYTERANGE="10"',
        '#EXT-X-TARGETDURATION:2\n#EXT-X-PART:URI="p",DURATION=1',  # no EXT-X-PART-INF
        "#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=1\n#EXT-X-PART:DURATION=1",
        "#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=1,PART-TARGET=1",
        '#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI="unclosed',
        "#EXT-X-TARGETDURATION:2\n#EXT-X-SKIP:SKIPPED-SEGMENTS=0",
        "#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n0.mp4\n#EXT-X-SKIP:SKIPPED-SEGMENTS=1",
        "#EXT-X-TARGETDURATION:2\n#EXT-X-PROGRAM-DATE-TIME:2025-06-01T12:00:00",
        "#EXT-X-TARGETDURATION:2\n#EXT-X-PROGRAM-DATE-TIME:0001-01-01T00:00:00+14:00",
        "#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n\x00",
    ],
)
def test_what_is_no_media_playlist_is_refused(body: str) -> None:
    with pytest.raises(PlaylistError):
        parse_media(f"#EXTM3U\n{body}\n")


def test_a_playlist_begins_with_its_tag() -> None:
    with pytest.raises(PlaylistError):
        parse_media("\ufeff" + LIVE_TEXT)


def test_a_playlist_has_a_largest_size() -> None:
    with pytest.raises(LimitExceeded):
        parse_media("#EXTM3U\n" + "#" * MAX_PLAYLIST_CHARS)


def test_unknown_tags_comments_and_carriage_returns_are_passed_over() -> None:
    noisy = LIVE_TEXT.replace("\n", "\r\n#EXT-X-NEW:A=1\r\n# words\r\n\r\n")
    assert parse_media(noisy) == LIVE


def test_a_hint_for_a_map_is_no_hint_for_a_part() -> None:
    text = LIVE_TEXT.replace("TYPE=PART", "TYPE=MAP")
    assert parse_media(text).preload_hint is None


def test_what_a_rendition_report_leaves_out_is_as_in_its_own_playlist() -> None:
    """RFC 8216bis, section 4.4.5.4: LAST-MSN may be omitted if it is the same."""
    text = LIVE_TEXT.replace(",LAST-MSN=9,LAST-PART=0", "")
    assert parse_media(text).rendition_reports == LIVE.rendition_reports
