"""Invariants of every answer."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madang.apps.planner.files import reference
from madang.base.units import DataRate, DataSize
from madang.plan import figures
from madang.plan.answer import Question, explain, solve, to_json
from madang.plan.benchmarks import REFERENCE
from madang.plan.compare import cheapest, shapes
from madang.plan.demand import CASES, FIELDS, Demand, parse_demand, serialize_demand
from madang.plan.figures import Quantity, UnitMismatch
from madang.plan.fleet import build_fleet
from madang.plan.formatting import Formatter
from madang.plan.growth import demand_after, growth
from madang.plan.labels import FIGURES
from madang.plan.prediction import Prediction, Verdict, predict
from madang.plan.profiles import HOURS, PROFILES, audience_shares

ORDER = [Verdict.HOLDS, Verdict.TIGHT, Verdict.FAILS]

MORE = {
    "viewers": st.integers(0, 20_000),
    "hours": st.floats(0, HOURS),
    "bitrate": st.integers(100_000, 20_000_000),
    "chat": st.integers(0, 50_000),
    "messages": st.floats(0, 500),
    "api": st.floats(0, 20_000),
    "uploads": st.integers(0, 200),
    "upload_gb": st.floats(0, 1000),
    "files": st.integers(0, 50_000),
    "file_mb": st.floats(0, 20_000),
    "keep_days": st.integers(0, 3650),
    "replays": st.floats(0, 10),
    "channels": st.integers(1, 20),
}
"""Fields of the demand that increase the load."""


@st.composite
def asked(draw: st.DrawFn) -> dict[str, object]:
    found: dict[str, object] = {name: draw(values) for name, values in MORE.items()}
    found["profile"] = draw(st.sampled_from(sorted(PROFILES)))
    found["archive"] = draw(st.sampled_from(FIELDS["archive"].choices))
    found["peers"] = draw(st.floats(0, 0.9))
    found["subscribers"] = draw(st.integers(0, 10_000))
    found["price"] = draw(st.floats(0, 100))
    if draw(st.booleans()):
        found["ladder"] = "720p:2.5:0.5,480p:1.2:0.3,360p:0.7:0.2"
    return found


shape_names = st.sampled_from(["minimal", "single", "split", "scaled"])


def planned(values: dict[str, object], shape: str) -> Prediction:
    return predict(parse_demand(values), build_fleet(reference(), shape), REFERENCE)


def larger(first: object, second: object) -> tuple[Any, Any]:
    assert isinstance(first, int | float)
    assert isinstance(second, int | float)
    return min(first, second), max(first, second)


@settings(max_examples=150, deadline=None)
@given(asked(), shape_names, st.data())
def test_more_demand_never_costs_less_or_holds_better(
    values: dict[str, object], shape: str, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(MORE)))
    if name == "bitrate":
        values.pop("ladder", None)
    less, more = larger(values[name], data.draw(MORE[name]))
    before = planned({**values, name: less}, shape)
    after = planned({**values, name: more}, shape)
    assert after.cost.whole.value >= before.cost.whole.value * (1 - 1e-9)
    for then, now in zip(before.checks, after.checks, strict=True):
        # Files of a lower bit rate are longer and need more encoding.
        if not (name == "bitrate" and then.name == "encoding"):
            assert ORDER.index(now.verdict) >= ORDER.index(then.verdict), then.name


@settings(max_examples=25, deadline=None)
@given(asked(), st.integers(0, 4000), st.integers(0, 4000))
def test_the_cheapest_shape_for_more_people_never_costs_less(
    values: dict[str, object], first: int, second: int
) -> None:
    less, more = larger(first, second)
    few = cheapest(
        shapes(reference(), parse_demand({**values, "viewers": less}), REFERENCE).values()
    )
    many = cheapest(
        shapes(reference(), parse_demand({**values, "viewers": more}), REFERENCE).values()
    )
    if many is not None:
        assert few is not None
        assert many.cost.whole.value >= few.cost.whole.value * (1 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(asked(), shape_names)
def test_every_answer_adds_up_to_its_parts(values: dict[str, object], shape: str) -> None:
    found = planned(values, shape)
    for answer in (*found.figures(), *(limit.people for limit in found.limits)):
        for figure in answer.walk():
            assert not math.isnan(figure.value), figure.key
            assert figure.value == figure.recomputed(), figure.key
            assert figure.key in FIGURES
    sent = found.transfer
    assert sum(sent.month.on_air) == pytest.approx(found.demand.hours)
    assert sent.used[-1] == pytest.approx(sent.need.value if sum(sent.month.audience) else 0.0)
    assert all(a <= b + 1e-6 for a, b in zip(sent.accrued, sent.accrued[1:], strict=False))
    assert sent.accrued[-1] == pytest.approx(sent.allowance.value)


@settings(max_examples=15, deadline=None)
@given(asked(), shape_names)
def test_every_answer_can_be_told_and_explained_in_both_languages(
    values: dict[str, object], shape: str
) -> None:
    question = Question(parse_demand(values), shape)
    answer = solve(reference(), REFERENCE, question)
    for fmt in (Formatter("en"), Formatter("ko")):
        told = to_json(reference(), question, answer, fmt)
        assert told["advice"]
        for figure in answer.chosen.figures():
            assert explain(answer.chosen, figure.key, fmt)


@given(asked())
def test_a_demand_that_is_written_is_read_back(values: dict[str, object]) -> None:
    made = parse_demand(values)
    assert parse_demand(serialize_demand(made)) == made


@given(st.sampled_from(sorted(PROFILES)), st.floats(0, HOURS))
def test_a_station_is_on_the_air_as_long_as_asked(name: str, hours: float) -> None:
    on_air, shares = audience_shares(PROFILES[name].weights(), hours)
    assert sum(on_air) == pytest.approx(hours)
    assert all(0 <= people <= live <= 1 for people, live in zip(shares, on_air, strict=True))


sizes = st.floats(0, 1e15).map(DataSize)


@given(sizes, sizes, st.floats(1, 1e9))
def test_units_never_mix(left: DataSize, right: DataSize, bits: float) -> None:
    rate = DataRate(bits)
    assert (left + right).bytes == left.bytes + right.bytes
    for wrong in (rate, 1.0, 5):
        with pytest.raises(TypeError):
            left + wrong  # type: ignore[operator]
        with pytest.raises(TypeError):
            _ = left < wrong  # type: ignore[operator]
    with pytest.raises(TypeError):
        rate + left  # type: ignore[operator]
    with pytest.raises(TypeError):
        left * right  # type: ignore[operator]


def test_a_gibibyte_is_more_than_a_gigabyte_and_a_byte_is_eight_bits() -> None:
    assert DataSize.gibibytes(1) > DataSize.gigabytes(1)
    assert DataSize.gibibytes(1) / DataSize.gigabytes(1) == 1.073741824
    assert DataRate.megabits(8).over(1) == DataSize.megabytes(1)


@given(st.sampled_from(list(Quantity)), st.sampled_from(list(Quantity)))
def test_figures_of_different_units_do_not_add_up(one: Quantity, other: Quantity) -> None:
    parts = [figures.given("a", 1, one, ""), figures.given("b", 2, other, "")]
    for combine in (figures.total, figures.difference, figures.least, figures.most):
        if one is other:
            combine("sum", *parts)
        else:
            with pytest.raises(UnitMismatch):
                combine("sum", *parts)


def test_the_phases_are_demands() -> None:
    for _, phase in CASES.values():
        assert isinstance(parse_demand(phase), Demand)


@settings(max_examples=20, deadline=None)
@given(st.integers(10, 1500), st.floats(-0.3, 0.5))
def test_a_year_carries_what_each_of_its_months_carries(viewers: int, rate: float) -> None:
    demand = parse_demand({"viewers": viewers, "growth": rate})
    fixed = [name for name, shape in reference().shapes.items() if not shape.may_grow]
    told = growth(reference(), demand, REFERENCE)
    for name in fixed:
        fleet_of_it = build_fleet(reference(), name)
        months = [
            predict(demand_after(demand, month), fleet_of_it, REFERENCE) for month in range(12)
        ]
        failing = [n for n, p in enumerate(months, 1) if p.capacity_verdict is Verdict.FAILS]
        assert told.outgrown[name] == (failing[0] if failing else None)
        for step, month in zip(told.months, months, strict=True):
            if month.capacity_verdict is not Verdict.FAILS:
                assert step.cost_usd is not None
                assert step.cost_usd <= month.cost.whole.value
