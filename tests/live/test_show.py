"""Shows from the first tag to the last playlist: how encoders come, change and go."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from madang.live.demux import Notice
from madang.live.events import Interrupted, Resumed, ShowEnded, ShowOpened
from madang.live.opening import PATIENCE
from madang.live.show import MAX_NAMED_NOTICES, State
from madang.media.track import Codec
from madang.wire.flv import (
    PacketKind,
    Tag,
    TagType,
    VideoPacket,
    encode_video,
)
from madang.wire.hls import parse_media
from tests.support.broadcast import (
    SAMPLE_RATE,
    WALL,
    Broadcast,
    Encoder,
    Sent,
    audio_header,
    begun,
    broadcast,
    check_contiguous,
    payload,
    picture,
    ready,
    segments,
    video_header,
)
from tests.support.fmp4 import boxes
from tests.support.samples import sample


def state(made: Broadcast) -> State:
    return made.show.state


# --- how it opens ---


def test_a_show_opens_with_its_second_key_frame() -> None:
    made = Broadcast()
    made.connect()
    events = made.send(Encoder().stream(1.99))
    assert events == []
    assert state(made) == "starting"
    assert made.show.playlist() is None
    events = made.send(Encoder().frames(0.1, 1.99))
    assert ShowOpened() in events
    assert state(made) == "live"
    assert made.now - made.began == pytest.approx(2.0, abs=0.1)
    assert made.window.edge is not None


def test_a_missing_track_is_waited_for_two_seconds() -> None:
    # protocols.md: wait at most 2 s for a missing track.
    made = Broadcast()
    made.connect()
    made.send(Encoder(audio=False).stream(1.9))
    early = made.show.tracks
    made.send(Encoder(audio=False).frames(0.2, 1.9))
    assert early is None
    assert made.show.tracks is not None
    assert made.show.tracks.audio is None


def test_a_timer_ends_the_wait_for_a_track_when_nothing_else_comes() -> None:
    made = Broadcast()
    made.connect()
    made.send(Encoder(rate=None).stream(0.2))
    made.wait_until(made.began + 2.0)
    assert made.show.tracks is not None
    assert made.show.tracks.video is None


def test_frames_that_waited_for_a_track_are_dated_when_they_came() -> None:
    made = broadcast(Encoder(rate=None), 5.0)
    date = segments(made)[0].program_date_time
    assert date is not None
    assert date.timestamp() == pytest.approx(WALL + made.began, abs=0.05)


@pytest.mark.parametrize(
    ("encoder", "tracks"),
    [(Encoder(rate=None), 1), (Encoder(audio=False), 1), (Encoder(), 2)],
    ids=["sound alone", "picture alone", "both"],
)
def test_streams_of_any_tracks_play(encoder: Encoder, tracks: int) -> None:
    made = broadcast(encoder, 8.0)
    assert len(made.viewer.all_units()) == tracks
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(8.0, abs=0.1)


def test_a_late_second_track_comes_behind_a_discontinuity_with_its_own_init_section() -> None:
    made = begun(Encoder(audio=False), 5.0)
    late = [Sent(5.0, audio_header(5000))]
    made.send(late + Encoder().frames(5.0, 5.0))
    made.end()
    check_contiguous(made)
    breaks = [segment for segment in segments(made) if segment.discontinuity]
    assert len(breaks) == 1
    # protocols.md: a new EXT-X-MAP when the configuration changes.
    assert breaks[0].map_uri != segments(made)[0].map_uri
    # The stream can be decoded from there: no sound before its picture.
    first = made.viewer.files[breaks[0].parts[0].uri]
    assert breaks[0].parts[0].independent
    assert sum(kind == b"traf" for kind, _, _ in boxes(first)) == 2


def test_sound_joins_at_a_key_frame_so_that_no_picture_is_lost() -> None:
    silent = Encoder(audio=False, gop=4.0)
    made = begun(silent, 9.0)
    joined = Encoder(gop=4.0).frames(7.0, 9.0)
    made.send([Sent(9.0, audio_header(9000)), *joined])
    made.end()
    (joint,) = [segment for segment in segments(made) if segment.discontinuity]
    assert sum(s.duration for s in segments(made)[: segments(made).index(joint)]) == pytest.approx(
        12.0, abs=0.01
    )
    pictures = [item for item in silent.frames(16.0) if item.at < 16.0]
    assert len(made.viewer.all_units()[1]) == len(pictures)


def test_a_long_key_frame_interval_opens_after_four_seconds_and_plays_on() -> None:
    made = begun(Encoder(gop=10.0), PATIENCE - 0.1)
    assert state(made) == "starting"
    made.send(Encoder(gop=10.0).frames(30.0, PATIENCE - 0.1))
    assert state(made) == "live"
    assert ShowOpened() in made.events
    made.end()
    assert made.viewer.playlist is not None
    assert made.viewer.playlist.target_duration == 12
    assert [segment.duration for segment in segments(made)[:-1]] == pytest.approx(
        [10.0] * (len(segments(made)) - 1), abs=0.01
    )
    assert all(segment.parts[0].independent for segment in segments(made))
    check_contiguous(made)


def test_a_stalled_beginning_opens_by_the_timer() -> None:
    made = begun(Encoder(), 1.0)
    made.wait_until(made.began + PATIENCE)
    assert ShowOpened() in made.events
    assert made.window.edge is not None


def test_one_picture_a_second_plays() -> None:
    made = broadcast(Encoder(rate=Fraction(1), gop=5.0), 20.0)
    assert made.viewer.playlist is not None
    assert made.viewer.playlist.part_target == pytest.approx(1.002)
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(20.0, abs=0.1)
    check_contiguous(made)


def test_a_picture_stream_without_key_frames_shows_nothing() -> None:
    made = Broadcast()
    made.connect()
    frames = [item for item in Encoder().frames(6.0) if item.tag.body[0] != 0x17]
    made.send([*Encoder().headers(), *frames])
    assert made.show.source is None


# --- what changes on the way ---


def test_repeated_headers_change_nothing() -> None:
    made = begun(Encoder(), 5.0)
    # protocols.md: ignore identical repeated sequence headers.
    made.send([replace(header, at=5.0) for header in Encoder().headers()])
    made.send(Encoder().frames(5.0, 5.0))
    made.end()
    assert not any(segment.discontinuity for segment in segments(made))
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(10.0, abs=0.1)


def test_a_changed_configuration_is_a_discontinuity_with_another_init_section() -> None:
    made = begun(Encoder(), 6.0)
    other = sample("bundled", "avc-interlaced").config
    # protocols.md: a changed one is a discontinuity with a new init segment.
    made.send([Sent(6.0, video_header(6000, other))])
    made.send(Encoder().frames(6.0, 6.0))
    made.end()
    changed = [segment.discontinuity for segment in segments(made)]
    assert changed.count(True) == 1
    maps = [segment.map_uri for segment in segments(made)]
    assert len(set(maps)) == 2
    assert maps.index(maps[-1]) == changed.index(True)
    check_contiguous(made)


def test_a_sample_rate_that_changes_leaves_times_rising() -> None:
    made = begun(Encoder(), 6.0)
    # AudioSpecificConfig of AAC-LC, 44,100 Hz, stereo (ISO/IEC 14496-3, 1.6.2.1).
    made.send([Sent(6.0, audio_header(6000, b"\x12\x10"))])
    made.send(Encoder().frames(6.0, 6.0))
    made.end()
    before, after = 0.0, 0.0
    for msn, segment in sorted(made.viewer.segments.items()):
        changed = segment.map_uri != segments(made)[0].map_uri
        for part in made.viewer.units(msn):
            for unit in part.get(2, []):
                if changed:
                    after = after or unit.dts / 44_100
                else:
                    before = (unit.dts + unit.duration) / SAMPLE_RATE
    assert before <= after < before + 0.1


def test_damaged_tags_are_counted_and_the_stream_goes_on() -> None:
    made = begun(Encoder(), 5.0)
    broken = [
        Tag(TagType.VIDEO, 5000, b"\x17\x01"),
        Tag(TagType.VIDEO, 5000, b"\x17\x00\x00\x00\x00not a configuration"),
        Tag(TagType.AUDIO, 5000, b"\xaf\x09"),
    ]
    events = made.send([Sent(5.0, tag) for tag in broken])
    assert [event.code for event in events if isinstance(event, Notice)] == ["damaged_media"] * 3
    assert made.show.meter.damaged == 3
    made.send(Encoder().frames(5.0, 5.0))
    made.end()
    assert not any(segment.discontinuity for segment in segments(made))
    assert sum(segment.duration for segment in segments(made)) == pytest.approx(10.0, abs=0.1)


def test_a_stream_damaged_all_over_says_so_a_few_times() -> None:
    made = begun(Encoder(), 5.0)
    events = made.send([Sent(5.0, Tag(TagType.VIDEO, 5000, b"\x17\x01"))] * 100)
    assert len(events) == MAX_NAMED_NOTICES
    assert made.show.meter.damaged == 100


def test_a_codec_that_is_not_carried_is_named() -> None:
    made = Broadcast()
    made.connect()
    (event,) = made.send([Sent(0.0, Tag(TagType.VIDEO, 0, b"\x12\x00"))])
    assert isinstance(event, Notice)
    assert event.code == "unsupported_codec"
    assert "H.263" in event.detail


def test_of_several_tracks_the_first_is_carried_and_that_is_said_once() -> None:
    made = begun(Encoder(), 5.0)
    second = VideoPacket(PacketKind.FRAME, Codec.AVC, True, 0, 0, 1, b"\0\0\0\1\x65")
    stray = Sent(5.0, Tag(TagType.VIDEO, 5000, encode_video(second)))
    events = made.send([stray] * 3)
    assert [event.code for event in events if isinstance(event, Notice)] == ["multitrack"]
    made.send(Encoder().frames(3.0, 5.0))
    made.end()
    assert b"\0\0\0\1\x65" not in {unit.data for unit in made.viewer.all_units()[1]}


# --- publishers come and go ---


def test_a_takeover_goes_on_with_the_same_show() -> None:
    made = begun(Encoder(), 6.5)
    before = made.window.edge
    # protocols.md: a second publisher replaces the first at once; sequence numbers never go back.
    assert Interrupted() not in made.connect()
    second = Encoder(start=77_777)
    late = [item for item in second.frames(7.0, 0.5) if item.at >= 0.5]
    made.send(second.headers() + late)
    assert state(made) == "live"
    made.end()
    assert before is not None
    check_contiguous(made)
    (behind,) = [segment for segment in segments(made) if segment.discontinuity]
    # It waits for a key frame: those between are not shown.
    assert behind.parts[0].independent
    numbers = [unit.data for unit in made.viewer.all_units()[1]]
    assert payload(picture(0, 60, key=True)) in numbers[190:]
    assert payload(picture(0, 20, key=False)) not in numbers[195:]


def test_an_encoder_that_does_not_come_back_ends_the_show() -> None:
    made = begun(Encoder(), 6.0, grace=30.0)
    assert made.leave()[-1] == Interrupted()
    assert state(made) == "interrupted"
    assert made.show.advice(made.now) == ()
    gone = made.now
    assert made.wait_until(gone + 29.9) == []
    events = made.wait_until(gone + 30.0)
    # protocols.md: EXT-X-ENDLIST after the grace period.
    assert events == [ShowEnded()]
    assert state(made) == "ended"
    assert made.show.deadline() is None
    assert parse_media(ready(made.window).body.decode()).ended
    assert made.leave() == []
    assert made.show.end(made.now) == []


def test_three_reconnects_are_one_show() -> None:
    made = begun(Encoder(), 6.0)
    for turn in range(1, 4):
        made.leave()
        made.wait_until(made.now + 7.0)
        assert made.connect() == [Resumed()]
        again = Encoder(start=turn * 1_000_003)
        made.send(
            again.headers()
            + [Sent(i.at - 100 * turn, i.tag) for i in again.frames(6.0, 100.0 * turn)]
        )
        assert state(made) == "live"
    made.end()
    check_contiguous(made)
    assert sum(segment.discontinuity for segment in segments(made)) == 3
    # The same encoder settings are the same init section.
    assert len({segment.map_uri for segment in segments(made)}) == 1
    dates = [segment.program_date_time for segment in segments(made)]
    assert dates[-1] is not None
    assert dates[0] is not None
    # Dates follow the wall clock over what was missed: 24 s on the air and 21 s away.
    on_the_air = sum(segment.duration for segment in segments(made)[:-1])
    passed = (dates[-1] - dates[0]).total_seconds()
    assert passed == pytest.approx(on_the_air + 21.0, abs=0.1)


def test_a_publisher_who_leaves_before_the_show_opened_shows_nothing() -> None:
    made = begun(Encoder(), 1.0, grace=10.0)
    assert made.leave() == [Interrupted()]
    assert made.wait_until(made.now + 9.9) == []
    assert made.connect() == [Resumed()]
    assert state(made) == "starting"
    made.send(Encoder().stream(3.0))
    assert state(made) == "live"


def test_a_show_that_never_opened_just_ends() -> None:
    made = begun(Encoder(rate=None), 0.5, grace=10.0)
    made.leave()
    assert made.wait_until(made.now + 10.0) == [ShowEnded()]
    assert made.show.playlist() is None
    assert made.show.deadline() is None


def test_what_comes_after_the_end_changes_nothing() -> None:
    made = broadcast(Encoder(), 6.0)
    body = ready(made.window).body
    assert made.send(Encoder().frames(6.0, 6.0)) == []
    assert made.show.deadline() is None
    assert ready(made.window).body == body


def test_a_frame_rate_that_changes_at_a_takeover_keeps_the_part_target() -> None:
    made = begun(Encoder(rate=Fraction(30)), 6.0)
    for rate in (Fraction(60), Fraction(15), Fraction(24)):
        made.connect()
        second = Encoder(rate=rate)
        made.send(second.headers() + [Sent(i.at - 200, i.tag) for i in second.frames(8.0, 200.0)])
    made.end()
    check_contiguous(made)
    assert made.viewer.playlist is not None
    target = made.viewer.playlist.part_target
    assert target is not None
    for segment in segments(made):
        # protocols.md: PART-TARGET is fixed for the stream's life.
        assert all(part.duration <= target for part in segment.parts)
    assert sum(s.duration for s in segments(made)) == pytest.approx(30.0, abs=0.5)
    assert made.show.meter.dropped_frames == 0
