"""Events of a show, which recordings and indexes are made of."""

from __future__ import annotations

from datetime import timedelta

import pytest

from madang.live.events import InitChanged, PartAdded, SegmentEnded, ShowEnded, ShowOpened
from tests.support.broadcast import Broadcast, Encoder, Sent, begun, picture, video_header
from tests.support.samples import sample


def parts(made: Broadcast) -> list[PartAdded]:
    return [event for event in made.events if isinstance(event, PartAdded)]


def test_nothing_is_said_of_media_before_the_show_is_open() -> None:
    made = Broadcast()
    made.connect()
    assert made.send(Encoder().stream(1.9)) == []
    events = made.send(Encoder().frames(0.2, 1.9))
    assert [type(event) for event in events[:3]] == [ShowOpened, InitChanged, PartAdded]
    # What was buffered comes at once: two seconds, less what is not yet a whole part.
    assert sum(part.duration for part in parts(made)) == pytest.approx(2.0, abs=0.34)
    made.end()


def test_a_publisher_with_the_same_tracks_needs_no_init_section_behind_the_break() -> None:
    made = begun(Encoder(), 5.0)
    made.leave()
    made.wait_until(made.now + 3.0)
    made.connect()
    made.send(Encoder(start=99_000).stream(5.0))
    made.end()
    assert sum(isinstance(event, InitChanged) for event in made.events) == 1
    (first,) = [part for part in parts(made) if part.discontinuity]
    assert first.index == 0
    (ended,) = [e for e in made.events if isinstance(e, SegmentEnded) and e.discontinuity]
    assert ended.msn == first.msn
    before = parts(made)[parts(made).index(first) - 1]
    # The hole is in the program dates, not in the durations.
    assert first.date - before.date > timedelta(seconds=before.duration + 2.5)


def test_other_tracks_in_the_middle_of_a_show_come_with_their_init_section() -> None:
    made = begun(Encoder(audio=False), 5.0)
    other = bytearray(sample("bundled", "avc").config)
    other[3] ^= 1  # another level
    frames = [Sent(5 + n / 30, picture(5000 + n * 33, n, key=n % 30 == 0)) for n in range(90)]
    made.send([Sent(5.0, video_header(5000, bytes(other))), *frames])
    made.end()
    first, second = [event for event in made.events if isinstance(event, InitChanged)]
    assert first.file.name != second.file.name
    assert first.file.body != second.file.body
    assert first.tracks != second.tracks
    # The segment before ended, and the next event is the part that needs the section.
    at = made.events.index(second)
    assert isinstance(made.events[at - 1], SegmentEnded)
    part = made.events[at + 1]
    assert isinstance(part, PartAdded)
    assert part.discontinuity


def test_the_last_segment_ends_before_the_show_does() -> None:
    made = begun(Encoder(), 5.1)
    events = made.note(made.show.end(made.now))
    assert [type(event) for event in events[-2:]] == [SegmentEnded, ShowEnded]
    assert events[-1] == ShowEnded()
