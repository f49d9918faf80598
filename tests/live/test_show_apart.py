"""Shows whose sound and picture arrive apart, or whose sound has no usable time stamps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from madang.live.events import PartAdded
from madang.media.track import VIDEO_TIMESCALE
from madang.wire.flv import TagType
from tests.support.broadcast import (
    SAMPLE_RATE,
    Broadcast,
    Encoder,
    Sent,
    check_contiguous,
    payload,
    segments,
    shifted,
)
from tests.support.fmp4 import read_fragment


def delayed(sent: list[Sent], kind: TagType, by: float) -> list[Sent]:
    """The same with one medium that arrives `by` seconds later, with the stamps it had."""
    moved = [replace(i, at=i.at + by) if i.tag.type is kind else i for i in sent]
    return sorted(moved, key=lambda item: item.at)


def stamped(sent: list[Sent], stamp: Callable[[int, int], int]) -> list[Sent]:
    """The same with other stamps on the sound: by number of the frame and old stamp."""
    out, number = [], 0
    for item in sent:
        if item.tag.type is TagType.AUDIO:
            moved = replace(item.tag, timestamp=stamp(number, item.tag.timestamp))
            out.append(replace(item, tag=moved))
            number += 1
        else:
            out.append(item)
    return out


def show_of(sent: list[Sent]) -> Broadcast:
    made = Broadcast()
    made.connect()
    made.send(sent)
    return made


def places(made: Broadcast) -> dict[bytes, float]:
    """Seconds at which each frame is shown or heard, from when there were both media."""
    found: dict[bytes, float] = {}
    for msn, segment in made.viewer.segments.items():
        if segment.map_uri == segments(made)[-1].map_uri:
            for part in made.viewer.units(msn):
                for track_id, rate in ((1, VIDEO_TIMESCALE), (2, SAMPLE_RATE)):
                    found |= {unit.data: unit.dts / rate for unit in part.get(track_id, [])}
    return found


def apart(made: Broadcast, frames: list[Sent]) -> float:
    """Longest distance in seconds of a frame from where the encoder recorded it."""
    found = places(made)
    frames = [item for item in frames if payload(item.tag) in found]
    origin = next(item for item in frames if item.tag.type is TagType.VIDEO)
    zero = found[payload(origin.tag)] - origin.tag.timestamp / 1000
    return max(abs(found[payload(i.tag)] - i.tag.timestamp / 1000 - zero) for i in frames)


def share_heard(made: Broadcast, encoder: Encoder, begin: float, seconds: float) -> float:
    found = places(made)
    sounds = [i for i in encoder.frames(seconds, begin) if i.tag.type is TagType.AUDIO]
    return sum(payload(item.tag) in found for item in sounds) / len(sounds)


@pytest.mark.parametrize("kind", [TagType.VIDEO, TagType.AUDIO])
@pytest.mark.parametrize("by", [0.4, 1.5, 2.5, 9.0])
def test_media_that_arrive_apart_are_shown_together(kind: TagType, by: float) -> None:
    encoder = Encoder()
    made = show_of([i for i in delayed(encoder.stream(40.0), kind, by) if i.at < 40.0])
    assert share_heard(made, encoder, by + 5.0, 12.0) == 1.0
    lateness = made.show.faults().sound_lateness * (1 if kind is TagType.AUDIO else -1)
    made.end()
    assert apart(made, encoder.frames(40.0)) <= 0.005
    assert lateness == pytest.approx(by if by > 0.5 else 0.0, abs=0.1)
    assert made.show.meter.jumps == 0
    # Sound and picture of one part are of one time.
    for event in made.events:
        if by < 0.5 or not isinstance(event, PartAdded) or not 108 < event.msn < 112:
            continue
        runs = read_fragment(event.file.body)
        begins = [runs[1][0].dts / VIDEO_TIMESCALE, runs[2][0].dts / SAMPLE_RATE]
        assert abs(begins[0] - begins[1]) < 0.1


@pytest.mark.parametrize(
    "stamp",
    [lambda _number, _old: 0, lambda number, _old: number, lambda number, _old: number // 40],
    ids=["all 0", "numbers of frames", "of seconds"],
)
@pytest.mark.parametrize("start", [0, 3_600_000])
def test_sound_without_usable_stamps_is_placed_by_its_samples(
    stamp: Callable[[int, int], int], start: int
) -> None:
    encoder = Encoder(start=start)
    made = show_of(stamped(encoder.stream(20.0), stamp))
    assert made.show.faults().sound_unstamped
    assert share_heard(made, encoder, 3.0, 16.0) == 1.0
    jumps = made.show.meter.jumps
    made.end()
    assert apart(made, encoder.frames(17.0, 3.0)) <= 0.1
    check_contiguous(made)
    assert jumps == 0


def test_sound_whose_frames_share_stamps_keeps_them() -> None:
    encoder = Encoder()
    held: list[int] = []

    def every_fourth(number: int, old: int) -> int:
        held[:] = [old] if number % 4 == 0 else held
        return held[0]

    made = show_of(stamped(encoder.stream(12.0), every_fourth))
    assert not made.show.faults().sound_unstamped
    assert share_heard(made, encoder, 1.0, 9.0) == 1.0
    made.end()
    assert apart(made, encoder.frames(12.0)) <= 0.005


def test_samples_that_are_lost_do_not_move_unstamped_sound_for_good() -> None:
    encoder = Encoder()
    kept = [i for i in encoder.stream(40.0) if not (10 < i.at < 13 and i.tag.type is TagType.AUDIO)]
    made = show_of(stamped(kept, lambda _number, _old: 0))
    made.end()
    assert apart(made, encoder.frames(2.0, 36.0)) < 0.6


@pytest.mark.parametrize("by", [-3_600_000, -2_000, 2_000, 60_000])
def test_late_sound_stays_with_the_picture_when_all_stamps_jump(by: int) -> None:
    encoder = Encoder()
    sent = encoder.stream(12.0) + shifted(encoder.frames(12.0, 12.0), by)
    made = show_of(delayed(sent, TagType.AUDIO, 1.5))
    made.end()
    assert apart(made, encoder.frames(6.0, 16.0)) < 0.1
    check_contiguous(made)


def test_a_picture_that_waited_for_sound_goes_on_where_the_sound_ends() -> None:
    encoder = Encoder()
    sent = delayed(encoder.stream(20.0), TagType.AUDIO, 2.5)
    made = show_of([i for i in sent if i.tag.type is TagType.VIDEO or i.at < 12.0])
    parts = [event for event in made.events if isinstance(event, PartAdded)]
    units = read_fragment(parts[-1].file.body)
    shown = units[1][-1].dts / VIDEO_TIMESCALE - 10.0
    assert 16.5 < shown < 17.6
    made.end()


def test_sound_that_waits_for_pictures_at_the_end_is_cut_into_parts() -> None:
    sent = delayed(Encoder().stream(20.0), TagType.VIDEO, 2.5)
    made = show_of([item for item in sent if item.at < 16.0])
    made.end()
    check_contiguous(made)
    parts = [event for event in made.events if isinstance(event, PartAdded)]
    alone = 0.0
    for event in parts:
        runs = read_fragment(event.file.body)
        if 1 not in runs:
            lasts = sum(unit.duration for unit in runs[2]) / SAMPLE_RATE
            assert event.duration == pytest.approx(lasts, abs=0.03)
            alone += lasts
    assert 2.0 < alone < 2.6
