"""Which key frames are in a storyboard, and what its list says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from madang.recording.index import Kind, Record
from madang.recording.storyboard import MOST_TILES, choose, fitted, render_list, sheets


def parts(seconds: float, every: float = 2.0, part: float = 0.5) -> Iterator[Record]:
    """Yield the records of a file whose key frames are `every` seconds apart."""
    yield Record(Kind.INIT, 32, 700)
    for number in range(round(seconds / part)):
        key = (number * part) % every == 0
        yield Record(Kind.PART, 1000 + number, 1, duration=part, independent=key)


def test_every_key_frame_of_a_short_video_is_a_tile() -> None:
    found = choose([list(parts(9.0))])
    assert [each.at for each in found.frames] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert [each.offset for each in found.frames] == [1000, 1004, 1008, 1012, 1016]
    assert found.length == 9.0


@pytest.mark.parametrize("hours", [1, 24])
def test_long_videos_have_no_more_tiles_than_others(hours: int) -> None:
    found = choose([list(parts(hours * 3600.0))])
    apart = {after.at - before.at for before, after in pairwise(found.frames)}
    assert MOST_TILES * 0.8 < len(found.frames) <= MOST_TILES
    assert max(apart) == min(apart)
    assert found.frames[-1].at > hours * 3600.0 * 0.99


def test_places_count_what_is_missing_and_go_on_in_the_next_file() -> None:
    first = [*parts(4.0), Record(Kind.GAP, duration=10.0), Record(Kind.SYNCED, 5)]
    found = choose([first, list(parts(2.0))])
    assert [(each.file, each.at) for each in found.frames] == [(1, 0.0), (1, 2.0), (2, 14.0)]
    assert found.length == 16.0


def test_nothing_is_enlarged() -> None:
    assert fitted(1920, 1080) == (192, 108)
    assert fitted(1080, 1920) == (108, 192)
    assert fitted(160, 90) == (160, 90)
    assert fitted(4000, 10) == (192, 2)


def test_the_list_names_places_on_sheets() -> None:
    text = render_list([(1, 0, 0.0), (1, 6, 3600.25), (2, 24, 3700.0)], 3701.5, (192, 108))
    assert text == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 01:00:00.250\nstoryboard/1.jpg#xywh=0,0,192,108\n\n"
        "01:00:00.250 --> 01:01:40.000\nstoryboard/1.jpg#xywh=192,108,192,108\n\n"
        "01:01:40.000 --> 01:01:41.500\nstoryboard/2.jpg#xywh=768,432,192,108\n"
    )
    assert [sheets(each) for each in (1, 25, 26)] == [1, 1, 2]
