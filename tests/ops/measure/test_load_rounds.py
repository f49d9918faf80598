"""What the measured loads are solved for: what was put into them."""

from __future__ import annotations

import pytest

from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.load_rounds import (
    FAT_VIEWERS,
    FEW_GUESTS,
    FEW_VIEWERS,
    GUESTS,
    MESSAGES,
    VIEWERS,
    Point,
    Round,
    solve_api,
    solve_chat,
    solve_live,
    solved,
)

STREAM, VIEWER, GIGABYTE = 0.02, 0.0002, 0.3


def live(factor: float = 1.0) -> Round:
    """The loads of a station with these abilities, in a minute that is so much slower."""

    def point(viewers: int, rate: float) -> Point:
        gigabytes = viewers * rate / 8e9
        cores = STREAM + viewers * VIEWER + gigabytes * GIGABYTE
        return Point(factor * cores, viewers * 3.0, gigabytes)

    return {
        "few": point(FEW_VIEWERS, 6e5),
        "many": point(VIEWERS, 6e5),
        "fat": point(FAT_VIEWERS, 5e6),
    }


def test_crowds_and_bit_rates_are_solved_for_stream_viewer_and_gigabyte() -> None:
    found = solve_live(live())
    assert found["live_stream"] == pytest.approx(STREAM)
    assert found["live_viewer"] == pytest.approx(VIEWER)
    assert found["live_gigabyte"] == pytest.approx(GIGABYTE)


def test_the_slowest_minute_of_three_changes_the_spread_alone() -> None:
    found = solved(solve_live, [live(), live(2.0), live()])["live_viewer"]
    assert found.value == pytest.approx(VIEWER)
    assert [found.low, found.high] == pytest.approx([VIEWER, 2 * VIEWER])


def test_what_a_request_costs_is_the_median_whatever_the_pace_of_each_round() -> None:
    rounds = [
        {"paced": Point(count / requests, count, 0.001)}
        for requests, count in ((336.0, 235.0), (387.0, 330.0), (469.0, 290.0))
    ]
    found = solved(solve_api, rounds)["api_requests"]
    assert found.value == pytest.approx(387.0)
    assert [found.low, found.high] == pytest.approx([336.0, 469.0])


def test_crowds_are_solved_for_messages_and_deliveries() -> None:
    def point(guests: int) -> Point:
        return Point(MESSAGES * 0.001 + guests * MESSAGES / 100_000, guests * MESSAGES, 0.0)

    found = solve_chat({"few": point(FEW_GUESTS), "many": point(GUESTS)})
    assert found["chat_deliveries"] == pytest.approx(100_000)
    assert found["chat_message"] == pytest.approx(0.001)


def test_more_guests_that_take_less_are_no_measurement() -> None:
    few, many = Point(0.5, 4_000.0, 0.0), Point(0.4, 20_000.0, 0.0)
    with pytest.raises(MeasureFailed, match="other work disturbs"):
        solve_chat({"few": few, "many": many})
