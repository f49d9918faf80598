"""Single decisions of the clock; streams are in the properties of shows."""

from __future__ import annotations

import pytest

from madang.live.demux import AudioFrame, VideoFrame
from madang.live.timeline import LONGEST_STEP, START, Timeline
from madang.media.track import AccessUnit, AudioTrack, VideoTrack
from tests.support.samples import sample

VIDEO = sample("bundled", "avc").track
AUDIO = sample("bundled", "aac").track


def seen(timeline: Timeline, stamp: int, *, nanos: int = 0) -> AccessUnit:
    assert isinstance(VIDEO, VideoTrack)
    frame = VideoFrame(0.0, stamp % 2**32, nanos, 0, True, b"v")
    return timeline.place_video(frame, VIDEO)[0]


def heard(timeline: Timeline, stamp: int) -> AccessUnit | None:
    assert isinstance(AUDIO, AudioTrack)
    return timeline.place_audio(AudioFrame(0.0, stamp % 2**32, 0, 1024, b"a"), AUDIO)[0]


def test_nanoseconds_count() -> None:
    timeline = Timeline()
    assert seen(timeline, 0).dts == START * 90
    assert seen(timeline, 16, nanos=666_667).dts == START * 90 + 1500


def test_a_presentation_time_is_never_below_zero() -> None:
    timeline = Timeline()
    assert isinstance(VIDEO, VideoTrack)
    frame = VideoFrame(0.0, 0, 0, -20_000, True, b"v")
    assert timeline.place_video(frame, VIDEO)[0].pts == 0


def test_pictures_of_the_same_stamp_follow_one_another() -> None:
    timeline = Timeline()
    assert [seen(timeline, 5).dts - START * 90 for _ in range(3)] == [0, 1, 2]


def test_sound_right_before_a_picture_keeps_its_place() -> None:
    timeline = Timeline()
    seen(timeline, 1000)
    unit = heard(timeline, 900)
    assert unit is not None
    assert unit.dts == (START - 100) * 48


def test_steps_that_grow_do_not_open_holes_without_end() -> None:
    timeline = Timeline()
    stamp, step = 0, 100
    for _ in range(200):
        seen(timeline, stamp)
        stamp, step = stamp + step, step * 5 // 4
    before = timeline.newest
    seen(timeline, stamp + 10 * LONGEST_STEP)
    assert timeline.newest - before <= 2 * LONGEST_STEP


@pytest.mark.parametrize("older", [0, 3_000, 12_000])
def test_a_clock_that_follows_another_takes_its_first_frame_as_it_is(older: int) -> None:
    newest = 2**32 + 5_000
    timeline = Timeline.following(float(newest))
    assert seen(timeline, newest - older).dts == (newest - older) * 90
    assert seen(timeline, newest - older + 33).dts == (newest - older + 33) * 90
