from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from madang.servers.live.audience import Audience

HOLD = 6.0


@pytest.fixture
def audience(station: object) -> Audience:
    from madang.servers.live.audience import Audience

    return Audience()


def play(audience: Audience, client: str, now: float, times: int = 3) -> None:
    for _ in range(times):
        audience.fetched(client, HOLD, now)


def test_a_single_fetch_is_not_a_viewer(audience: Audience) -> None:
    audience.fetched("crawler", HOLD, 0.0)
    assert audience.sweep(1.0) == 0


def test_a_client_that_goes_on_fetching_is_one_viewer(audience: Audience) -> None:
    for second in range(20):
        play(audience, "player", float(second))
        audience.sweep(second + 0.5)
    assert audience.count == audience.peak == 1


def test_who_stops_fetching_is_gone_after_the_hold_time(audience: Audience) -> None:
    play(audience, "player", 0.0)
    assert audience.sweep(HOLD) == 1
    assert audience.sweep(HOLD + 0.1) == 0
    assert audience.peak == 1


def test_readers_are_viewers_from_beginning_to_end(audience: Audience) -> None:
    audience.reader_came()
    audience.reader_came()
    assert audience.sweep(1.0) == 2
    audience.reader_left()
    assert audience.sweep(1000.0) == 1


def test_seconds_watched_add_up_over_sweeps_of_any_length(audience: Audience) -> None:
    audience.reader_came()
    audience.sweep(10.0)
    audience.reader_came()
    audience.sweep(12.0)
    audience.sweep(12.5)
    assert audience.viewer_seconds == pytest.approx(1 * 2.0 + 2 * 0.5)


def test_invented_sessions_do_not_fill_the_memory(station: object) -> None:
    from madang.servers.live.audience import Audience

    audience = Audience(max_known=50)
    play(audience, "early", 0.0)
    for number in range(1000):
        audience.fetched(f"invented-{number}", HOLD, 0.0)
    assert len(audience._clients) == 50
    assert audience.sweep(1.0) == 1
