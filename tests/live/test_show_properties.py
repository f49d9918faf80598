"""Properties of every stream that an encoder could send."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from madang.live.timeline import START
from madang.media.track import VIDEO_TIMESCALE, AccessUnit
from madang.wire.flv import TagType
from tests.support import samples
from tests.support.broadcast import (
    SAMPLE_RATE,
    WALL,
    Broadcast,
    Encoder,
    Sent,
    broadcast,
    payload,
    shifted,
)
from tests.support.sizes import sized

PER_MS = VIDEO_TIMESCALE // 1000

RATES = [Fraction(n) for n in (1, 10, 15, 24, 25, 30, 50, 60)] + [Fraction(30_000, 1001)]

starts = st.one_of(
    st.sampled_from([0, 2**24 - 1500, 2**24 - 1, 2**31 - 700, 2**32 - 1500, 2**32 - 1]),
    st.integers(0, 2**32 - 1),
)


@st.composite
def encoders(draw: st.DrawFn, *, jitter: int = 0) -> Encoder:
    rate = draw(st.sampled_from([None, *RATES]))
    rng = random.Random(draw(st.integers(0, 99)))
    return Encoder(
        rate=rate,
        gop=draw(st.sampled_from([0.5, 1.0, 2.0, 3.2, 8.34, 12.0])),
        audio=rate is None or draw(st.booleans()),
        start=draw(starts),
        audio_later=draw(st.integers(-300, 300)),
        jitter=(lambda: rng.randint(-jitter, jitter)) if jitter else int,
        composition=draw(st.sampled_from([0, 33, 83])),
    )


many = settings(
    max_examples=sized(25, 100),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)


def accepted(sent: list[Sent]) -> dict[TagType, list[Sent]]:
    """The frames from the first key frame on."""
    frames = [item for item in sent if item.tag.body[1] == 1]
    videos = [i for i, item in enumerate(frames) if item.tag.type is TagType.VIDEO]
    if videos:
        frames = frames[videos[0] :]
    found: dict[TagType, list[Sent]] = {}
    for item in frames:
        found.setdefault(item.tag.type, []).append(item)
    return found


def by_medium(show: Broadcast) -> dict[TagType, list[AccessUnit]]:
    assert show.show.tracks is not None
    kinds = [TagType.VIDEO] if show.show.tracks.video is not None else []
    kinds += [TagType.AUDIO] if show.show.tracks.audio is not None else []
    return {kinds[number - 1]: units for number, units in show.viewer.all_units().items()}


def check_playlist_rules(show: Broadcast, *, steady: bool) -> None:
    playlist = show.viewer.playlist
    assert playlist is not None
    assert playlist.part_target is not None
    numbers = sorted(show.viewer.segments)
    # RFC 8216bis, section 6.2.1: each sequence number is one more than the one before.
    assert numbers == list(range(100, 100 + len(numbers)))
    video = show.show.tracks is not None and show.show.tracks.video is not None
    for msn in numbers:
        segment = show.viewer.segments[msn]
        assert segment.complete
        assert segment.parts
        assert segment.duration == pytest.approx(
            sum(part.duration for part in segment.parts), abs=1e-4
        )
        # Section 4.4.3.1: EXTINF, rounded to the nearest integer, is at most the target duration.
        assert int(segment.duration + 0.5) <= playlist.target_duration
        for part, units in zip(segment.parts, show.viewer.units(msn), strict=True):
            # Section 4.4.3.7: parts never exceed the target.
            assert part.duration <= playlist.part_target
            begins_with_key = bool(units.get(1)) and units[1][0].key
            assert part.independent == (begins_with_key or not video)
        breaks = show.viewer.segments.get(msn + 1)
        if steady and breaks is not None and not breaks.discontinuity:
            for part in segment.parts[:-1]:
                # Section 4.4.3.7: at least 85% of it, but for the last of a segment.
                assert part.duration >= 0.85 * playlist.part_target


@many
@given(encoder=encoders(), seconds=st.sampled_from([7.0, 14.0]))
def test_every_unit_of_a_steady_stream_is_in_one_part_at_its_time(
    encoder: Encoder, seconds: float
) -> None:
    sent = encoder.stream(seconds)
    show = broadcast(encoder, seconds)
    expected = accepted(sent)
    units = by_medium(show)
    first = next(item.tag.timestamp for item in sent if item.tag.body[1] == 1)
    assert units.keys() == expected.keys()
    for kind, found in units.items():
        assert [unit.data for unit in found] == [payload(item.tag) for item in expected[kind]]
        assert all(earlier.dts < later.dts for earlier, later in pairwise(found))
    for unit, item in zip(
        units.get(TagType.VIDEO, []), expected.get(TagType.VIDEO, []), strict=True
    ):
        # Tick for tick: the stamps, on a clock that begins at START.
        since = (item.tag.timestamp - first + 2**31) % 2**32 - 2**31
        assert unit.dts == (START + since) * PER_MS
        assert unit.pts == unit.dts + encoder.composition * PER_MS
    heard = units.get(TagType.AUDIO, [])
    for earlier, later in pairwise(heard):
        assert later.dts == earlier.dts + earlier.duration
    for unit, item in zip(heard, expected.get(TagType.AUDIO, []), strict=True):
        since = (item.tag.timestamp - first + 2**31) % 2**32 - 2**31
        assert abs(unit.dts / SAMPLE_RATE * 1000 - START - since) <= 2
    check_playlist_rules(show, steady=True)


@many
@given(encoder=encoders())
def test_dates_agree_with_durations_in_a_steady_stream(encoder: Encoder) -> None:
    show = broadcast(encoder, 14.0)
    segments = [show.viewer.segments[msn] for msn in sorted(show.viewer.segments)]
    for earlier, later in pairwise(segments):
        assert earlier.program_date_time is not None
        assert later.program_date_time is not None
        passed = later.program_date_time - earlier.program_date_time
        assert abs(passed - timedelta(seconds=earlier.duration)) <= timedelta(milliseconds=50)
    first = segments[0].program_date_time
    assert first is not None
    assert abs(first.timestamp() - (WALL + show.began)) <= 0.35


@many
@given(encoder=encoders(jitter=15), seconds=st.sampled_from([7.0, 13.0]))
def test_a_jittery_stream_keeps_its_order_and_the_rules(encoder: Encoder, seconds: float) -> None:
    made = Broadcast()
    made.connect()
    sent = encoder.stream(seconds)
    made.send(sent)
    made.end()
    expected = accepted(sent)
    for kind, found in by_medium(made).items():
        assert all(earlier.dts < later.dts for earlier, later in pairwise(found))
        data = [unit.data for unit in found]
        assert data == [payload(item.tag) for item in expected[kind]][-len(data) :]
        # Sound that begins before the jitter lets it is a frame or two at most.
        assert len(expected[kind]) - len(data) <= 2 * (kind is TagType.AUDIO)
    check_playlist_rules(made, steady=False)


def lip_sync(show: Broadcast, sent: list[Sent]) -> list[float]:
    """Milliseconds between stamp and place of each unit of `sent`, less the first picture's.

    The first moment is left out: what is on both sides of it is moved apart.
    """
    places = {
        unit.data: unit.dts * 1000 / (VIDEO_TIMESCALE if kind is TagType.VIDEO else SAMPLE_RATE)
        for kind, units in by_medium(show).items()
        for unit in units
    }
    behind = sent[0].at + 0.35
    frames = [item for item in sent if item.at > behind and payload(item.tag) in places]
    assert len(frames) > 20
    origin = next(item.tag for item in frames if item.tag.type is TagType.VIDEO)
    return [
        places[payload(item.tag)]
        - places[payload(origin)]
        - ((item.tag.timestamp - origin.timestamp + 2**31) % 2**32 - 2**31)
        for item in frames
    ]


@many
@given(
    rate=st.sampled_from([rate for rate in RATES if rate > 1]),
    start=starts,
    later=st.integers(-100, 100),
    by=st.one_of(st.integers(-(10**9), -150), st.integers(400, 10**9)),
)
def test_sound_stays_with_the_picture_when_all_stamps_jump(
    rate: Fraction, start: int, later: int, by: int
) -> None:
    encoder = Encoder(rate=rate, start=start, audio_later=later)
    made = Broadcast()
    made.connect()
    made.send(encoder.stream(5.0))
    behind = shifted(encoder.frames(6.0, 5.0), by)
    made.send(behind)
    made.end()
    assert max(map(abs, lip_sync(made, behind))) <= 2
    assert made.show.meter.jumps >= 1


@many
@given(
    rate=st.sampled_from(RATES),
    begins=st.tuples(starts, starts),
    later=st.tuples(st.integers(-100, 100), st.integers(-100, 100)),
    cut=st.floats(4.5, 7.5),
)
def test_sound_stays_with_the_picture_through_a_takeover(
    rate: Fraction, begins: tuple[int, int], later: tuple[int, int], cut: float
) -> None:
    made = Broadcast()
    made.connect()
    made.send(Encoder(rate=Fraction(30), start=begins[0], audio_later=later[0]).stream(cut))
    made.connect()
    second = Encoder(rate=rate, start=begins[1], audio_later=later[1])
    # The same frame numbers as before, but from 1000 s on: every payload is its own.
    frames = [Sent(item.at - 1000, item.tag) for item in second.frames(8.0, 1000.0)]
    made.send(second.headers() + frames)
    made.end()
    assert max(map(abs, lip_sync(made, list(frames)))) <= 2
    for found in by_medium(made).values():
        assert all(earlier.dts < later.dts for earlier, later in pairwise(found))
    numbers = sorted(made.viewer.segments)
    assert numbers == list(range(100, 100 + len(numbers)))


@pytest.mark.parametrize(
    "encoder", [Encoder(composition=66), Encoder(rate=None)], ids=["both", "sound"]
)
def test_pyav_reads_out_of_the_window_what_went_in(encoder: Encoder, tmp_path: Path) -> None:
    show = broadcast(encoder, 9.0)
    segments = [show.viewer.segments[msn] for msn in sorted(show.viewer.segments)]
    assert len({segment.map_uri for segment in segments}) == 1
    assert segments[0].map_uri is not None
    names = [segments[0].map_uri, *(part.uri for s in segments for part in s.parts)]
    path = tmp_path / "window.mp4"
    path.write_bytes(b"".join(show.viewer.files[name] for name in names))
    expected = accepted(encoder.stream(9.0))
    ours = by_medium(show)
    demuxed = samples.demux(path)
    assert len(demuxed) == len(expected)
    for (kind, units), stream in zip(ours.items(), demuxed, strict=True):
        assert [unit.data for unit in stream.units] == [payload(i.tag) for i in expected[kind]]
        assert [(unit.dts, unit.pts, unit.key) for unit in stream.units] == [
            (unit.dts, unit.pts, unit.key) for unit in units
        ]
