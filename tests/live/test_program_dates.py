"""Dates of a stream against the clock of the machine."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from madang.live.program_dates import DRIFT, PATIENCE, SLEW, ProgramDates

WALL = 1_000_000.0


def stamp(date: datetime) -> float:
    assert date.tzinfo is UTC
    return date.timestamp()


def test_the_first_date_is_when_the_instant_came() -> None:
    dates = ProgramDates(WALL)
    dates.note(10.0, 500.0)
    assert stamp(dates.date(10.0)) == WALL + 500.0


def test_late_arrivals_do_not_move_dates() -> None:
    dates = ProgramDates(WALL)
    rng = random.Random(1)
    for number in range(2000):
        at = number / 30
        dates.note(at, 500.0 + at + (0.0 if number % 50 == 0 else rng.uniform(0, 0.8)))
    # What came fastest tells when it was made.
    assert stamp(dates.date(60.0)) == pytest.approx(WALL + 560.0, abs=0.01)


def test_a_correction_comes_in_small_steps() -> None:
    dates = ProgramDates(WALL)
    dates.note(0.0, 500.5)
    assert stamp(dates.date(0.0)) == WALL + 500.5
    dates.note(2.0, 502.0)
    for number in range(1, 6):
        date = stamp(dates.date(2.0 * number))
        assert date == pytest.approx(WALL + 500.5 + (2.0 - SLEW / 1.0) * number, abs=1e-5)


def test_the_same_instant_has_the_same_date_for_every_rendition() -> None:
    dates = ProgramDates(WALL)
    dates.note(0.0, 500.5)
    dates.note(2.0, 502.0)
    told = [dates.date(2.0 * number) for number in range(3)]
    assert [dates.date(2.0 * number) for number in range(3)] == told


def test_a_slow_encoder_clock_is_followed() -> None:
    dates = ProgramDates(WALL)
    for number in range(10_000):
        at = number / 10
        dates.note(at, 500.0 + at * (1 + DRIFT / 2))
        if number % 20 == 0:
            date = stamp(dates.date(at))
            assert date == pytest.approx(WALL + 500.0 + at * (1 + DRIFT / 2), abs=0.05)


def test_an_uplink_that_is_late_for_a_while_is_no_clock() -> None:
    dates = ProgramDates(WALL)
    for number in range(300):
        at = number / 10
        late = 1.5 if 5 <= at < 5 + PATIENCE / 2 else 0.0
        dates.note(at, 500.0 + at + late)
        if number % 20 == 0:
            assert stamp(dates.date(at)) == pytest.approx(WALL + 500.0 + at, abs=0.05)


def test_an_encoder_whose_clock_stood_still_is_believed_in_the_end() -> None:
    dates = ProgramDates(WALL)
    dates.note(10.0, 500.0)
    dates.date(10.0)
    for number in range(int(PATIENCE * 10) + 20):
        at = 12.0 + number / 10
        dates.note(at, 520.0 + at)
    assert stamp(dates.date(at)) == pytest.approx(WALL + 520.0 + at, abs=0.05)


def test_a_short_absence_counts_when_it_is_known() -> None:
    dates = ProgramDates(WALL)
    dates.note(10.0, 500.0)
    dates.date(10.0)
    dates.restart()
    dates.note(12.0, 502.6)
    assert stamp(dates.date(12.0)) == pytest.approx(WALL + 502.6)
