"""A station that crashes again and again waits before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from madang.station.roles.backoff import HEALTHY_SECONDS, MAX_DELAY, Start, delay, next_start
from tests.support.split import service_manager
from tests.support.station import Station


def test_only_crashes_in_a_row_count() -> None:
    start = next_start(None, 1000.0)
    assert start == Start(1000.0)
    for number in range(1, 5):
        start = next_start(start, start.began + 2)
        assert start.crashes == number
    assert next_start(start, start.began + HEALTHY_SECONDS).crashes == 0


@pytest.mark.parametrize(
    ("previous", "now"),
    [(Start(1000.0, 3, ended=True), 1001.0), (Start(1000.0, 3), 900.0), (Start(1000.0, 3), 1e9)],
)
def test_an_orderly_end_and_a_clock_that_jumps_are_no_crash(previous: Start, now: float) -> None:
    assert next_start(previous, now) == Start(now)


def test_the_wait_doubles_up_to_the_longest() -> None:
    assert [delay(crashes) for crashes in range(7)] == [0, 0, 1, 2, 4, 8, MAX_DELAY]


@pytest.mark.e2e
def test_a_service_that_was_killed_twice_waits_a_second_and_forgets_it(tmp_path: Path) -> None:
    with service_manager() as (environment, _):
        station = Station(tmp_path / "data")
        station.environment |= environment
        for _ in range(2):
            station.start()
            station.kill()
        station.start()
        station.stop()
        station.start()
        assert station.said().count("this one waits 1 s") == 1
        station.stop()
