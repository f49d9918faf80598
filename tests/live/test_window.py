"""Playlists and files of a window, with every race played by hand."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import pytest

from madang.live.files import MediaFile
from madang.live.window import (
    LEAST_WINDOW,
    PARTS_LISTED,
    SKIP_BOUNDARY,
    Ready,
    Refuse,
    Wait,
    Window,
)
from madang.wire.hls import MediaPlaylist, RenditionReport, apply_delta, parse_media
from tests.support.broadcast import ready

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = 4
PART = 0.5


class Filled:
    """A window whose segments last two seconds and have four parts."""

    def __init__(self, segments: int = 0, length: float = 30.0) -> None:
        self.window = Window("e", PART, TARGET, length, next_msn=7)
        self.window.set_map(b"init", discontinuity=False)
        self.count = 0
        for _ in range(segments):
            self.segment()

    def part(self) -> None:
        date = EPOCH + timedelta(seconds=self.count * PART)
        independent = self.count % 4 == 0
        self.window.add_part(b"part%d" % self.count, PART, independent, date)
        self.count += 1

    def segment(self) -> None:
        for _ in range(4):
            self.part()
        self.window.end_segment()

    def playlist(self, *, skip: bool = False) -> MediaPlaylist:
        return parse_media(ready(self.window, skip=skip).body.decode())


def test_a_sequence_number_alone_waits_for_the_whole_segment() -> None:
    filled = Filled(segments=1)
    # RFC 8216bis, section 6.2.5.2: without _HLS_part the playlist must hold the segment of that
    # number; protocols.md: `_HLS_msn` alone blocks too.
    assert isinstance(filled.window.answer(7, None), Ready)
    for _ in range(4):
        assert isinstance(filled.window.answer(8, None), Wait)
        filled.part()
    assert isinstance(filled.window.answer(8, None), Wait)
    filled.window.end_segment()
    assert isinstance(filled.window.answer(8, None), Ready)


def test_a_part_of_the_growing_segment_is_answered_once_it_is_there() -> None:
    filled = Filled(segments=1)
    filled.part()
    assert isinstance(filled.window.answer(8, 0), Ready)
    assert isinstance(filled.window.answer(8, 1), Wait)
    filled.part()
    assert isinstance(filled.window.answer(8, 1), Ready)
    assert isinstance(filled.window.answer(8, 2), Wait)


def test_a_part_past_the_end_of_its_segment_is_the_first_of_the_next() -> None:
    filled = Filled(segments=1)
    # Section 6.2.5.2: a part index greater than that of the final part is a request for part 0 of
    # the following segment; protocols.md: it rolls over.
    assert isinstance(filled.window.answer(7, 3), Ready)
    assert isinstance(filled.window.answer(7, 4), Wait)
    assert isinstance(filled.window.answer(7, 99), Wait)
    filled.part()
    assert isinstance(filled.window.answer(7, 4), Ready)
    assert isinstance(filled.window.answer(7, 99), Ready)


def test_a_part_number_beyond_the_growing_segment_waits_until_it_rolls_over() -> None:
    filled = Filled(segments=1)
    filled.part()
    assert isinstance(filled.window.answer(8, 4), Wait)
    for _ in range(3):
        filled.part()
    filled.window.end_segment()
    assert isinstance(filled.window.answer(8, 4), Wait)
    filled.part()
    assert isinstance(filled.window.answer(8, 4), Ready)


def test_a_sequence_number_too_far_ahead_is_refused() -> None:
    filled = Filled(segments=2)
    # Section 6.2.5.2: greater than the last number plus two is a bad request.
    assert isinstance(filled.window.answer(10, None), Wait)
    assert isinstance(filled.window.answer(11, None), Refuse)
    assert isinstance(filled.window.answer(11, 0), Refuse)


def test_a_part_without_a_sequence_number_is_refused() -> None:
    # Section 6.2.5.2: _HLS_part requires _HLS_msn.
    assert isinstance(Filled(segments=1).window.answer(None, 0), Refuse)


def test_before_the_first_part_everybody_waits() -> None:
    filled = Filled()
    assert isinstance(filled.window.answer(None, None), Wait)
    assert isinstance(filled.window.answer(7, None), Wait)
    assert isinstance(filled.window.answer(7, 0), Wait)
    assert isinstance(filled.window.answer(9, 0), Refuse)
    filled.part()
    assert filled.window.edge == (7, 0)
    assert isinstance(filled.window.answer(None, None), Ready)
    assert isinstance(filled.window.answer(7, 0), Ready)


def test_a_client_without_parts_waits_for_the_first_whole_segment_and_for_no_other() -> None:
    filled = Filled()
    for _ in range(4):
        filled.part()
        assert isinstance(filled.window.answer(None, None, whole=True), Wait)
        assert isinstance(filled.window.answer(None, None), Ready)
    filled.window.end_segment()
    assert isinstance(filled.window.answer(None, None, whole=True), Ready)
    filled.part()
    assert isinstance(filled.window.answer(None, None, whole=True), Ready)


@pytest.mark.parametrize("segments", [0, 3])
def test_after_the_end_everything_is_answered_at_once(segments: int) -> None:
    filled = Filled(segments)
    filled.window.reports = lambda: (RenditionReport("../360p/media.m3u8", 1, 0),)
    filled.window.end()
    assert isinstance(filled.window.answer(None, None, whole=True), Ready)
    for msn, part in ((None, None), (7, 0), (9, None), (99, 3)):
        answer = filled.window.answer(msn, part)
        assert isinstance(answer, Ready)
        playlist = parse_media(answer.playlist.body.decode())
        assert playlist.ended
        assert playlist.preload_hint is None
        assert playlist.rendition_reports == ()
        assert not any(segment.parts for segment in playlist.segments)
    assert filled.window.file(f"part-e-{filled.count}.m4s") is None


def test_the_end_completes_a_growing_segment() -> None:
    filled = Filled(segments=1)
    filled.part()
    filled.window.end()
    last = filled.playlist().segments[-1]
    assert last.complete
    assert last.duration == PART


def test_the_hinted_part_is_always_the_next_one_listed() -> None:
    filled = Filled(segments=1)
    for number in range(9):
        # protocols.md: EXT-X-PRELOAD-HINT is always present while live, and its request blocks.
        hint = filled.playlist().preload_hint
        assert hint is not None
        assert isinstance(filled.window.file(hint), Wait)
        if number % 3 == 2:
            filled.window.end_segment()
            assert filled.playlist().preload_hint == hint
        filled.part()
        assert filled.playlist().segments[-1].parts[-1].uri == hint
        assert isinstance(filled.window.file(hint), MediaFile)


def test_everybody_gets_the_same_bytes_until_the_next_part() -> None:
    filled = Filled(segments=1)
    first = ready(filled.window)
    assert ready(filled.window) is first
    assert gzip.decompress(first.gzip) == first.body
    delta = ready(filled.window, skip=True)
    assert ready(filled.window, skip=True) is delta
    filled.part()
    assert ready(filled.window) is not first
    assert ready(filled.window).etag != first.etag


def test_a_delta_update_with_what_was_there_is_the_full_playlist() -> None:
    filled = Filled(segments=15, length=60.0)
    skipped = 0
    for _ in range(30):
        before = filled.playlist()
        filled.part()
        if filled.count % 4 == 0:
            filled.window.end_segment()
        delta = filled.playlist(skip=True)
        assert apply_delta(before, delta) == filled.playlist()
        skipped += delta.skipped
        listed = sum(segment.duration for segment in delta.segments)
        # Section 4.4.5.2: what is skipped is further from the end than the skip boundary.
        assert not delta.skipped or listed >= SKIP_BOUNDARY * TARGET
    assert skipped


def test_a_short_playlist_has_no_delta_updates() -> None:
    filled = Filled(segments=3)
    assert ready(filled.window, skip=True).body == ready(filled.window).body


def test_old_segments_leave_the_playlist_and_are_kept_as_long_as_somebody_may_ask() -> None:
    length = LEAST_WINDOW * TARGET
    filled = Filled(segments=length // 2)
    part_name = "part-e-0.m4s"
    assert filled.playlist().media_sequence == 7
    listed = filled.playlist().segments
    filled.segment()
    assert filled.playlist().media_sequence == 8
    # Section 6.2.2: a removed segment stays for its own duration and that of the longest playlist
    # that listed it.
    longest = sum(segment.duration for segment in listed) + listed[0].duration
    for _ in range(int(longest // 2) - 1):
        assert isinstance(filled.window.file("seg-e-7.m4s"), MediaFile)
        assert isinstance(filled.window.file(part_name), MediaFile)
        filled.segment()
    for _ in range(4):
        filled.segment()
    assert filled.window.file("seg-e-7.m4s") is None
    assert filled.window.file(part_name) is None
    assert filled.window.duration >= length


def test_a_segment_is_its_parts_and_has_no_file_before_it_is_complete() -> None:
    filled = Filled()
    filled.part()
    filled.part()
    assert filled.window.file("seg-e-7.m4s") is None
    filled.window.end_segment()
    segment = filled.window.file("seg-e-7.m4s")
    assert isinstance(segment, MediaFile)
    assert (segment.kind, segment.body) == ("segment", b"part0part1")
    assert filled.window.file("seg-e-7.m4s") is segment
    assert filled.window.file("seg-e-8.m4s") is None


def test_parts_are_listed_only_near_the_edge() -> None:
    filled = Filled(segments=16)
    distance = 0.0
    for segment in reversed(filled.playlist().segments):
        # Section 4.4.4.9: parts are removed once they are three target durations from the end.
        assert bool(segment.parts) == (distance < PARTS_LISTED * TARGET)
        distance += segment.duration


def test_breaks_that_slide_out_are_counted() -> None:
    filled = Filled(segments=2)
    filled.window.set_map(b"another init", discontinuity=True)
    filled.segment()
    playlist = filled.playlist()
    assert [segment.discontinuity for segment in playlist.segments] == [False, False, True]
    assert playlist.discontinuity_sequence == 0
    while filled.playlist().media_sequence < 9:
        filled.segment()
    # The tag still stands before the first segment, so it is not gone yet.
    assert filled.playlist().segments[0].discontinuity
    assert filled.playlist().discontinuity_sequence == 0
    filled.segment()
    # Section 6.2.2: EXT-X-DISCONTINUITY-SEQUENCE rises when its segment is removed.
    assert filled.playlist().discontinuity_sequence == 1


def test_another_configuration_has_another_name_and_the_same_one_keeps_it() -> None:
    filled = Filled(segments=1)
    filled.window.set_map(b"init", discontinuity=True)
    filled.segment()
    filled.window.set_map(b"another init", discontinuity=True)
    filled.segment()
    first, second, third = filled.playlist().segments
    assert first.map_uri == second.map_uri != third.map_uri
    assert second.discontinuity
    for segment, init in ((first, b"init"), (third, b"another init")):
        assert segment.map_uri is not None
        found = filled.window.file(segment.map_uri)
        assert isinstance(found, MediaFile)
        assert (found.kind, found.body) == ("init", init)
    for _ in range(60):
        filled.segment()
    assert first.map_uri is not None
    assert filled.window.file(first.map_uri) is None


def test_the_first_segment_of_all_is_no_discontinuity() -> None:
    window = Window("e", PART, TARGET, 30.0)
    window.set_map(b"init", discontinuity=True)
    window.add_part(b"x", PART, True, EPOCH)
    assert not parse_media(ready(window).body.decode()).segments[0].discontinuity


def test_bit_rates_are_those_of_long_segments_and_never_below_the_mean() -> None:
    window = Window("e", PART, TARGET, 30.0)
    assert window.bit_rates() == (0.0, 0.0)
    window.set_map(b"init", discontinuity=False)
    window.add_part(bytes(1000), 0.5, True, EPOCH)
    assert window.bit_rates() == (16_000.0, 16_000.0)
    window.add_part(bytes(1000), 1.5, False, None)
    window.end_segment()
    window.add_part(bytes(3000), 2.0, True, EPOCH)
    window.end_segment()
    # Section 4.1: the peak leaves out segments shorter than half the target duration.
    window.add_part(bytes(9000), 0.5, True, EPOCH)
    window.end_segment()
    peak, mean = window.bit_rates()
    assert peak == mean == pytest.approx(14_000 * 8 / 4.5)
    window.add_part(bytes(9000), 1.5, True, EPOCH)
    assert window.bit_rates() == (peak, mean)
    window.add_part(bytes(9000), 0.5, False, None)
    assert window.bit_rates()[0] == 72_000.0


def test_nothing_else_has_a_name() -> None:
    filled = Filled(segments=1)
    for name in ("", "media.m3u8", "part-f-4.m4s", "part-e-5.m4s", "../part-e-0.m4s"):
        assert filled.window.file(name) is None
