"""Fragments, box by box."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from madang.media.track import AccessUnit
from madang.wire.fmp4 import TrackRun, fragment
from tests.support.fmp4 import boxes, read_fragment


@st.composite
def runs(draw: st.DrawFn, track_id: int) -> TrackRun:
    time = draw(st.integers(0, 2**50))
    units = []
    for _ in range(draw(st.integers(1, 12))):
        duration = draw(st.integers(1, 2**32 - 1))
        offset = draw(st.one_of(st.just(0), st.integers(-(2**31), 2**31 - 1)))
        data = draw(st.one_of(st.binary(max_size=8), st.just(b"12345678")))
        units.append(AccessUnit(time, time + offset, draw(st.booleans()), data, duration))
        time += duration
    return TrackRun(track_id, units, time)


@given(runs(1), st.one_of(st.none(), runs(2)), st.integers(0, 2**32 - 1))
def test_any_units_with_rising_times_survive(
    first: TrackRun, second: TrackRun | None, number: int
) -> None:
    given_runs = [run for run in (first, second) if run]
    data = fragment(number, given_runs)
    assert read_fragment(data) == {run.track_id: run.units for run in given_runs}
    (header,) = (begin for kind, begin, _ in boxes(data) if kind == b"mfhd")
    assert struct.unpack_from(">II", data, header) == (0, number)


def video_units(keys: list[bool]) -> list[AccessUnit]:
    return [
        AccessUnit(3000 * i, 3000 * i, key, bytes(i + 1), duration=3000)
        for i, key in enumerate(keys)
    ]


def overhead(units: list[AccessUnit]) -> int:
    run = TrackRun(1, units, units[-1].dts + units[-1].duration)
    return len(fragment(1, [run])) - sum(len(unit.data) for unit in units)


FIXED = len(fragment(1, [TrackRun(1, [AccessUnit(0, 0, True, b"")], 1)]))


def test_equal_fields_are_told_once() -> None:
    sound = [AccessUnit(1024 * i, 1024 * i, True, bytes(8), duration=1024) for i in range(50)]
    assert overhead(sound) == FIXED


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([True, True, True, True], 0),
        ([False, False, False, False], 0),
        ([True, False, False, False], 1),
        ([False, True, True, True], 1),
        ([True, False, True, False], 3),
    ],
)
def test_flags_take_as_few_words_as_they_can(keys: list[bool], words: int) -> None:
    sizes_instead_of_default = 4 - 1
    assert overhead(video_units(keys)) == FIXED + 4 * (sizes_instead_of_default + words)


def test_only_a_run_with_reordering_has_composition_offsets() -> None:
    plain = video_units([True, False, False, False])
    reordered = [AccessUnit(u.dts, u.pts + 6000, u.key, u.data, u.duration) for u in plain]
    assert overhead(reordered) == overhead(plain) + 4 * len(plain)


def test_the_data_follows_in_the_order_of_the_runs() -> None:
    data = fragment(
        7,
        [
            TrackRun(1, [AccessUnit(0, 0, True, b"one"), AccessUnit(1, 1, False, b"two")], 2),
            TrackRun(2, [AccessUnit(0, 0, True, b"three")], 2),
        ],
    )
    top = [(kind, data[begin:end]) for kind, begin, end in boxes(data) if kind == b"mdat"]
    assert top == [(b"mdat", b"onetwothree")]


def test_numbers_that_boxes_cannot_hold_are_refused() -> None:
    with pytest.raises(struct.error):
        fragment(1, [TrackRun(1, [AccessUnit(-1, 0, True, b"")], 1)])
