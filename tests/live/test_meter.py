"""Readings of the meter for streams with known figures."""

from __future__ import annotations

import pytest

from madang.live.meter import STEADY, WINDOW, Measurement, Meter


def fed(
    seconds: float,
    *,
    rate: int = 30,
    gop: int = 60,
    lost: frozenset[int] = frozenset(),
    size: int = 1000,
    arrives: float = 1.0,
    meter: Meter | None = None,
) -> tuple[Meter, float]:
    """A meter that saw a stream, and the time; `arrives` is seconds passing per second of media."""
    meter = meter or Meter()
    now = 100.0
    for number in range(round(seconds * rate)):
        if number in lost:
            continue
        at = round(number * 1000 / rate) / 1000
        now = 100.0 + at * arrives
        meter.received(size, now)
        meter.clock(at, now)
        meter.picture(at, now, key=number % gop == 0, composition=0.0)
    return meter, now


@pytest.mark.parametrize("rate", [1, 10, 24, 30, 60])
@pytest.mark.parametrize("seconds", [3.0, 25.0])
def test_rates_are_those_of_the_last_seconds(rate: int, seconds: float) -> None:
    meter, now = fed(seconds, rate=rate)
    found = meter.measurement(now)
    assert found.frame_rate == pytest.approx(rate, rel=0.15)
    assert found.bit_rate == pytest.approx(rate * 8000, rel=0.15)


def test_the_first_second_is_estimated() -> None:
    meter, now = fed(0.5)
    assert meter.measurement(now).frame_rate == pytest.approx(30, rel=0.1)


def test_rates_forget_what_is_older_than_the_window() -> None:
    meter, now = fed(30.0)
    silent = meter.measurement(now + WINDOW + 2)
    assert silent.bit_rate == 0
    assert silent.frame_rate is None


@pytest.mark.parametrize("stall", [5, 12, 14])
def test_a_stream_that_catches_up_after_a_stall_has_no_higher_rates(stall: int) -> None:
    meter, now = fed(20.0)
    now += stall
    for number in range(30 * (stall + 20)):
        at = 20.0 + number / 30
        now = max(now + 0.001, 100.0 + at)
        meter.received(1000, now)
        meter.clock(at, now)
        meter.picture(at, now, key=False, composition=0.0)
        found = meter.measurement(now)
        assert (found.frame_rate or 0.0) < 1.2 * 30
        assert found.bit_rate < 1.2 * 240_000
    assert found.bit_rate == pytest.approx(240_000, rel=0.1)


def test_time_that_an_encoder_left_out_does_not_make_its_rate_small() -> None:
    meter, now = fed(20.0)
    for number in range(300):
        at = 40.0 + number / 30
        now = 120.1 + number / 30
        meter.received(1000, now)
        meter.clock(at, now)
    assert meter.measurement(now).bit_rate == pytest.approx(240_000, rel=0.2)


def test_nothing_measured_is_nothing_claimed() -> None:
    assert Meter().measurement(5.0) == Measurement()


def test_key_frame_intervals_are_the_last_and_the_longest_of_late() -> None:
    meter, now = fed(9.0, gop=60)
    assert meter.measurement(now).key_frame_interval == pytest.approx(2.0)
    for at, key in ((9.0, False), (13.0, True), (14.0, True)):
        meter.picture(at, now, key=key, composition=0.0)
    found = meter.measurement(now)
    assert found.key_frame_interval == pytest.approx(1.0)
    assert found.longest_key_frame_interval == pytest.approx(5.0)
    for at in range(15, 21):
        meter.picture(float(at), now, key=True, composition=0.0)
    assert meter.measurement(now).longest_key_frame_interval == pytest.approx(1.0)


@pytest.mark.parametrize("rate", [15, 24, 30, 60])
def test_dropped_frames_are_counted_exactly(rate: int) -> None:
    lost = frozenset({40, 41, 42, 90, 111, 113, 150, 151})
    meter, now = fed(12.0, rate=rate, lost=lost)
    assert meter.measurement(now).dropped_frames == len(lost)


def test_no_frames_are_missing_before_the_usual_step_is_known() -> None:
    meter, now = fed(2.0, lost=frozenset(range(3, STEADY // 2)))
    assert meter.measurement(now).dropped_frames == 0


def test_a_slower_encoder_that_follows_drops_nothing() -> None:
    meter, _ = fed(5.0, rate=60)
    meter.restart()
    meter, now = fed(5.0, rate=15, meter=meter)
    assert meter.measurement(now).dropped_frames == 0


def test_a_slow_uplink_shows_as_lag() -> None:
    meter, now = fed(20.0, arrives=1.1)
    # Two seconds behind after twenty; the mean trails by a second of frames.
    assert meter.measurement(now).arrival_lag == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("arrives", [0.9995, 1.0005])
def test_a_clock_that_drifts_is_no_slow_uplink(arrives: float) -> None:
    meter, now = fed(600.0, rate=10, arrives=arrives)
    assert meter.measurement(now).arrival_lag < 0.05


def test_lag_is_counted_anew_behind_a_jump() -> None:
    meter, now = fed(5.0)
    meter.jumped()
    for number in range(300):
        at = 5.0 + number / 30
        meter.clock(at, now + 60.0 + number / 30)
    found = meter.measurement(now + 70.0)
    assert found.jumps == 1
    assert found.arrival_lag < 0.05


def test_the_longest_reordering_is_remembered_for_a_while() -> None:
    meter, now = fed(1.0)
    meter.picture(1.0, now, key=False, composition=0.4)
    assert meter.measurement(now).composition_delay == 0.4
    for number in range(300):
        meter.picture(1.1 + number / 30, now, key=False, composition=0.0)
    assert meter.measurement(now).composition_delay < 0.05


def test_a_long_stream_takes_no_more_memory() -> None:
    meter, _ = fed(400.0, gop=5)
    kept = [len(getattr(meter, name)) for name in ("_seconds", "_intervals")]
    assert kept == [WINDOW + 1, 5]
