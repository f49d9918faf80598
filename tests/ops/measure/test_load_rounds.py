"""Abilities computed from the costs of loads."""

from __future__ import annotations

import pytest

from madang.ops.measure.errors import MeasureFailed
from madang.ops.measure.load_rounds import (
    FEW_GUESTS,
    FEW_VIEWERS,
    GUESTS,
    HIGH_RATE_VIEWERS,
    MESSAGE_RATE,
    VIEWERS,
    LoadCost,
    Round,
    solve_api,
    solve_chat,
    solve_live,
    solve_rounds,
)

STREAM, VIEWER, GIGABYTE = 0.02, 0.0002, 0.3


def live(factor: float = 1.0) -> Round:
    """Costs for known abilities, all multiplied by `factor` (a slower minute)."""

    def point(viewers: int, rate: float) -> LoadCost:
        gigabytes = viewers * rate / 8e9
        cores = STREAM + viewers * VIEWER + gigabytes * GIGABYTE
        return LoadCost(factor * cores, viewers * 3.0, gigabytes)

    return {
        "few": point(FEW_VIEWERS, 6e5),
        "many": point(VIEWERS, 6e5),
        "high_rate": point(HIGH_RATE_VIEWERS, 5e6),
    }


def test_crowds_and_bit_rates_are_solved_for_stream_viewer_and_gigabyte() -> None:
    found = solve_live(live())
    assert found["live_stream"] == pytest.approx(STREAM)
    assert found["live_viewer"] == pytest.approx(VIEWER)
    assert found["live_gigabyte"] == pytest.approx(GIGABYTE)


def test_one_slow_round_of_three_changes_only_the_spread() -> None:
    found = solve_rounds(solve_live, [live(), live(2.0), live()])["live_viewer"]
    assert found.value == pytest.approx(VIEWER)
    assert [found.low, found.high] == pytest.approx([VIEWER, 2 * VIEWER])


def test_the_cost_of_a_request_is_the_median_at_any_rate() -> None:
    rounds = [
        {"paced": LoadCost(count / requests, count, 0.001)}
        for requests, count in ((336.0, 235.0), (387.0, 330.0), (469.0, 290.0))
    ]
    found = solve_rounds(solve_api, rounds)["api_requests"]
    assert found.value == pytest.approx(387.0)
    assert [found.low, found.high] == pytest.approx([336.0, 469.0])


def test_crowds_are_solved_for_messages_and_deliveries() -> None:
    def point(guests: int) -> LoadCost:
        deliveries = guests * MESSAGE_RATE
        return LoadCost(MESSAGE_RATE * 0.001 + deliveries / 100_000, deliveries, 0.0)

    found = solve_chat({"few": point(FEW_GUESTS), "many": point(GUESTS)})
    assert found["chat_deliveries"] == pytest.approx(100_000)
    assert found["chat_message"] == pytest.approx(0.001)


def test_a_negative_cost_per_guest_fails() -> None:
    few, many = LoadCost(0.5, 4_000.0, 0.0), LoadCost(0.4, 20_000.0, 0.0)
    with pytest.raises(MeasureFailed, match="other work disturbs"):
        solve_chat({"few": few, "many": many})
