"""Segments of units that come irregularly."""

from __future__ import annotations

from itertools import pairwise

from madang.live.demux import Tracks
from madang.live.segmenter import Cut, PartCut, SegmentCut, Segmenter, measure
from madang.media.track import AccessUnit, AudioTrack, VideoTrack
from tests.support.samples import sample

VIDEO = sample("bundled", "avc").track
AUDIO = sample("bundled", "aac").track
assert isinstance(VIDEO, VideoTrack)
assert isinstance(AUDIO, AudioTrack)
TRACKS = Tracks(VIDEO, AUDIO)
FRAME = 3000


def frame(number: int, *, key: bool = False) -> AccessUnit:
    return AccessUnit(number * FRAME, number * FRAME, key, b"v%d" % number)


def heard(number: int) -> AccessUnit:
    return AccessUnit(number * 1024, number * 1024, True, b"a%d" % number, 1024)


def segmenter(key_every: int = 60) -> Segmenter:
    units = [frame(number, key=number % key_every == 0) for number in range(key_every + 1)]
    return Segmenter(TRACKS, measure(TRACKS, units, 0.33, 2.0))


def check(cuts: list[Cut]) -> None:
    starts = [cut for cut in cuts if isinstance(cut, PartCut)]
    assert all(cut.end > cut.start for cut in starts)
    assert all(later.start >= earlier.end for earlier, later in pairwise(starts))


def test_pictures_that_come_after_their_part_was_cut_are_not_lost_and_cut_nothing_twice() -> None:
    cutter = segmenter()
    cuts = cutter.add(VIDEO, frame(0, key=True))
    for number in range(300):
        cuts += cutter.add(AUDIO, heard(number))
    # The picture comes back, its stamps from long before; a key frame among them.
    for number in range(1, 260):
        cuts += cutter.add(VIDEO, frame(number, key=number % 60 == 0))
    cuts += cutter.flush()
    check(cuts)
    taken = [unit.data for cut in cuts if isinstance(cut, PartCut) for unit in cut.units[0]]
    assert taken == [frame(number).data for number in range(260)]
    sound = [unit.data for cut in cuts if isinstance(cut, PartCut) for unit in cut.units[1]]
    assert sound == [heard(number).data for number in range(300)]


def test_a_key_frame_after_a_stall_begins_a_segment() -> None:
    cutter = segmenter()
    cuts = cutter.add(VIDEO, frame(0, key=True))
    for number in range(170):
        cuts += cutter.add(AUDIO, heard(number))
    cuts += cutter.add(VIDEO, frame(110, key=True))
    cuts += cutter.flush()
    check(cuts)
    at = cuts.index(SegmentCut(110 * FRAME))
    behind = cuts[at + 1]
    assert isinstance(behind, PartCut)
    assert behind.independent
    assert behind.start == 110 * FRAME


def test_a_segment_without_key_frames_ends_by_its_longest_duration() -> None:
    cutter = segmenter()
    cuts = cutter.add(VIDEO, frame(0, key=True))
    for number in range(1, 1000):
        cuts += cutter.add(VIDEO, frame(number))
    check(cuts)
    starts = [0, *(cut.start for cut in cuts if isinstance(cut, SegmentCut))]
    assert len(starts) > 5
    for earlier, later in pairwise(starts):
        assert round((later - earlier) / 90_000) <= cutter.cutting.target_duration


def test_nothing_is_cut_before_the_first_key_frame() -> None:
    cutter = segmenter()
    assert [cut for n in range(50) for cut in cutter.add(AUDIO, heard(n))] == []
    assert [cut for n in range(50) for cut in cutter.add(VIDEO, frame(n))] == []
    assert cutter.flush() == []


def test_cutting_keeps_its_durations_on_another_clock() -> None:
    cutting = segmenter().cutting
    other = cutting.at_rate(48_000)
    assert cutting.at_rate(90_000) is cutting
    assert other.target_duration == cutting.target_duration
    assert abs(other.part / 48_000 - cutting.part / 90_000) < 1e-4
    assert other.part_target <= cutting.part_target


def test_after_a_key_frame_that_came_too_late_for_its_segment_the_next_one_begins_with_one() -> (
    None
):
    cutter = segmenter()  # made for key frames every 2 s: segments of 4 s at the longest
    cuts: list[Cut] = []
    for number in range(600):
        cuts += cutter.add(VIDEO, frame(number, key=number % 150 == 0))  # every 5 s
    check(cuts)
    firsts = []
    begins = True
    for cut in cuts:
        if isinstance(cut, PartCut) and begins:
            firsts.append(cut.units[0][0].key)
        begins = isinstance(cut, SegmentCut)
    # 4 s from a key frame, then the second that is left, then from a key frame again.
    assert firsts == [True, False] * 4
