"""Figures of the station's plan."""

from __future__ import annotations

import pytest

from madang.apps.planner.files import reference
from madang.plan.answer import Question, parse_question, solve
from madang.plan.benchmarks import REFERENCE
from madang.plan.demand import Demand, parse_demand
from madang.plan.fleet import build_fleet
from madang.plan.formatting import Formatter
from madang.plan.prediction import Prediction, Verdict, predict
from madang.plan.sentences import advice


def planned(shape: str, **asked: object) -> Prediction:
    return predict(parse_demand(asked), build_fleet(reference(), shape), REFERENCE)


@pytest.mark.parametrize(
    ("shape", "usd", "people"),
    [("minimal", 73, 200), ("single", 146, 500), ("split", 146, 500), ("scaled", 250, 1000)],
)
def test_each_shape_costs_and_holds_what_the_plan_says(shape: str, usd: int, people: int) -> None:
    found = planned(shape)
    assert found.cost.fixed.value == pytest.approx(usd, abs=1e-9)
    assert found.capacity.live_viewers.value == people


def test_more_edges_than_one_cost_more_than_250() -> None:
    two = predict(Demand(), build_fleet(reference(), "scaled", 2), REFERENCE)
    assert two.cost.fixed.value == pytest.approx(298)
    assert two.capacity.live_viewers.value == 1500


@pytest.mark.parametrize(("case", "people"), [("mvp", 100), ("growth", 500), ("expansion", 1000)])
def test_each_phase_is_carried_by_its_shape(case: str, people: int) -> None:
    asked = parse_question({"case": case})
    assert asked.demand.viewers == people
    found = predict(asked.demand, build_fleet(reference(), asked.shape), REFERENCE)
    assert found.capacity_verdict is not Verdict.FAILS


def test_single_holds_the_plans_capacities() -> None:
    held = planned("single").capacity
    assert 300 <= held.live_viewers.value <= 500
    assert held.chat_connections.value >= 1000
    assert held.uploads.value >= 20
    assert held.api_rps.value >= 1000


def test_the_contradiction_5_tb_are_4444_viewer_hours_and_8_9_hours_of_500_people() -> None:
    found = planned("single", bitrate="2.5M")
    assert found.transfer.allowance.value == 5e12
    assert found.transfer.possible_viewer_hours.value == pytest.approx(4444.4, abs=0.1)
    assert found.transfer.hours_at_demand.value == pytest.approx(8.89, abs=0.005)
    assert found.limits[0].name == "transfer"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_first_advice_is_what_to_do_about_it(language: str) -> None:
    answer = solve(reference(), REFERENCE, Question(Demand()))
    from madang.plan.advice import advise

    first = advise(reference(), answer.chosen, answer.offers, answer.best)[0]
    said = advice(Formatter("ko" if language == "ko" else "en"), first)
    assert first.key.startswith("contradiction")
    assert "4,444" in said
    assert "8.9" in said
    assert first.saves_usd > 300


def test_break_even_is_30_subscribers_or_150_dollars_and_covers_servers_and_storage() -> None:
    money = planned("single").break_even
    assert money.subscribers.value == 30
    assert money.adverts.value == 150
    assert money.covers.value == pytest.approx(146)
    assert money.whole_subscribers.value > 30, "transfer beyond the allowance is not covered"


def test_the_growth_case_leaves_1750_dollars() -> None:
    asked = parse_question({"case": "expansion"})
    found = predict(asked.demand, build_fleet(reference(), asked.shape), REFERENCE)
    assert found.break_even.revenue.value == 2000
    assert found.cost.fixed.value == pytest.approx(250)
    assert found.break_even.revenue.value - found.cost.fixed.value == pytest.approx(1750)


def test_overage_can_arise_early_in_a_month_that_would_fit() -> None:
    """Little of an allowance that accrues hour by hour is available on the opening night."""
    opening = planned("single", profile="opening", hours="60", viewers="100")
    assert opening.transfer.need.value < opening.transfer.allowance.value
    assert opening.transfer.overage.value > 0
    assert opening.cost.overage.value > 0
    assert opening.transfer.exhausted_at is not None
    whole = predict(opening.demand, build_fleet(reference(), "single"), REFERENCE)
    linode = reference().servers["linode-6c-16g"]
    from madang.plan.fleet import one_machine

    at_once = predict(
        opening.demand, one_machine(reference(), linode, whole.fleet.block), REFERENCE
    )
    assert at_once.transfer.overage.value == 0, "all of it is there on the first day"


def test_storage_is_full_when_month_by_month_it_passes_what_there_is() -> None:
    kept = planned("single").storage
    full = kept.until_full.value
    months = [month.value for month in kept.months]
    assert months[int(full) - 1] <= kept.capacity.value < months[int(full)]


def test_every_price_says_where_it_is_from_and_when() -> None:
    found = reference()
    for entries in (
        found.providers,
        found.servers,
        found.deliveries,
        found.managed,
        found.shapes,
    ):
        assert entries
        for entry in entries.values():
            assert entry.source.text
            assert entry.source.korean
            assert entry.source.date.startswith("20")


@pytest.mark.parametrize(
    ("server", "usd", "terabytes"),
    [
        ("plan-4c-8g", 48, 4),
        ("plan-6c-16g", 96, 5),
        ("vultr-4c-8g", 40, 4),
        ("vultr-6c-16g", 80, 5),
        ("linode-6c-16g", 96, 8),
        ("digitalocean-4c-8g", 48, 5.36870912),
        ("lightsail-4c-16g", 84, 6),
    ],
)
def test_the_known_list_prices_are_there(server: str, usd: float, terabytes: float) -> None:
    entry = reference().servers[server]
    assert entry.monthly_usd == usd
    assert entry.transfer.bytes == pytest.approx(terabytes * 1e12)


def test_managed_services_are_priced_by_the_minute() -> None:
    answer = solve(
        reference(), REFERENCE, Question(parse_demand({"hours": 10, "profile": "steady"}))
    )
    stream = next(offer for offer in answer.offers if offer.id == "cloudflare-stream")
    minutes = 500 * 10 * 60
    stored = next(f for f in stream.usd.walk() if f.key == "managed_stored")
    assert stream.usd.value - stored.value == pytest.approx(minutes / 1000 * 1.0)
