"""JSON form of an answer, for `madang plan --json`, the API and the page.

Sizes in bytes, rates in bits per second, money in US dollars, in every language and currency; null
stands for no limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan import sentences
from madang.plan.advice import advise
from madang.plan.benchmarks import Benchmarks
from madang.plan.catalogue import Catalogue
from madang.plan.compare import Offer, cheapest, machine_entries, offers, shapes
from madang.plan.demand import CASES, FIELDS, Demand, parse_demand, serialize_demand
from madang.plan.errors import DemandError
from madang.plan.figures import Figure
from madang.plan.fleet import MAX_EDGES, build_fleet
from madang.plan.formatting import Formatter
from madang.plan.growth import Growth, growth
from madang.plan.labels import FIGURES, one_of, whole_number
from madang.plan.prediction import CapacityCheck, Prediction, predict
from madang.plan.profiles import DAYS

DEFAULT_SHAPE: Final = "single"
POINTS: Final = 25
"""Points of the curve of profit over subscribers."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """A demand on a shape."""

    demand: Demand
    shape: str = DEFAULT_SHAPE
    edges: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """Results for one question."""

    chosen: Prediction
    offers: tuple[Offer, ...]
    best: Prediction | None
    growth: Growth


def parse_question(parameters: Mapping[str, object]) -> Question:
    """Read a question from a command line, a file or a query string: the names of `FIELDS`,
    `shape`, `edges`, and `case` (a phase of the plan, whose values the others override).

    Raises DemandError.
    """
    rest = dict(parameters)
    case = rest.pop("case", None)
    shape, base = DEFAULT_SHAPE, Demand()
    if case is not None:
        if case not in CASES:
            raise DemandError.of("case", case, one_of(CASES))
        shape, phase = CASES[str(case)]
        base = parse_demand(phase)
    chosen, edges = rest.pop("shape", shape), rest.pop("edges", 1)
    try:
        count = int(str(edges))
    except ValueError:
        raise DemandError.of("edges", edges, whole_number(1, MAX_EDGES)) from None
    return Question(parse_demand(rest, base), str(chosen), count)


def solve(catalogue: Catalogue, benchmarks: Benchmarks, question: Question) -> Answer:
    """Answer a question. Raises DemandError."""
    chosen = predict(
        question.demand, build_fleet(catalogue, question.shape, question.edges), benchmarks
    )
    of_shapes = shapes(catalogue, question.demand, benchmarks)
    offered = offers(catalogue, chosen, of_shapes)
    return Answer(
        chosen,
        tuple(offered),
        cheapest(of_shapes.values()),
        growth(catalogue, question.demand, benchmarks),
    )


def to_json(catalogue: Catalogue, question: Question, answer: Answer, fmt: Formatter) -> Json:
    """Return the JSON object; keys of the command's contract come first."""
    chosen = answer.chosen
    advice = advise(catalogue, chosen, answer.offers, answer.best)
    sent, kept, money = chosen.transfer, chosen.storage, chosen.break_even
    return {
        "shape": question.shape,
        "monthly_usd": chosen.cost.fixed.value,
        "machines": machine_entries(chosen.fleet),
        "holds": {
            "live_viewers": _whole(chosen.capacity.live_viewers),
            "chat_connections": _whole(chosen.capacity.chat_connections),
            "uploads": _whole(chosen.capacity.uploads),
            "api_rps": _whole(chosen.capacity.api_rps),
        },
        "transfer": {
            "allowance_bytes": round(sent.allowance.value),
            "viewer_hours": _finite(sent.possible_viewer_hours),
            "hours_at_demand": _finite(sent.hours_at_demand),
            "need_bytes": round(sent.need.value),
            "demand_viewer_hours": sent.viewer_hours.value,
            "overage_bytes": round(sent.overage.value),
            "accrual": chosen.fleet.provider.accrual.value,
            "runs_out_hour": sent.exhausted_at,
        },
        "storage": {
            "bytes": round(kept.capacity.value),
            "months_until_full": _finite(kept.until_full),
            "month_by_month_bytes": [round(month.value) for month in kept.months],
            "recordings_month_bytes": round(kept.recordings_month.value),
            "files_month_bytes": round(kept.files_month.value),
        },
        "first_limit": chosen.limits[0].name,
        "break_even": {
            "subscribers": _whole(money.subscribers),
            "advert_usd": money.adverts.value,
            "covers": "servers and storage",
            "covers_usd": money.covers.value,
            "whole_subscribers": _whole(money.whole_subscribers),
            "whole_advert_usd": _finite(money.whole_adverts),
            "revenue_usd": money.revenue.value,
            "profit_usd": money.profit.value,
        },
        "verdict": chosen.verdict.value,
        "advice": [
            {
                "key": item.key,
                "words": sentences.advice(fmt, item),
                "saves_usd": item.saves_usd,
                "saves_bytes": round(item.saves_bytes),
                "saves_words": fmt.money(item.saves_usd) if item.saves_usd >= 0.5 else "",
                "change": item.change,
            }
            for item in advice
        ],
        "demand": serialize_demand(question.demand),
        "edges": chosen.fleet.edges,
        "provider": chosen.fleet.provider.name,
        "region": chosen.fleet.provider.region,
        "cost": {
            "fixed_usd": chosen.cost.fixed.value,
            "overage_usd": chosen.cost.overage.value,
            "total_usd": chosen.cost.whole.value,
            "viewer_hour_usd": _finite(chosen.cost.viewer_hour),
        },
        "checks": [_check(chosen, check, fmt) for check in chosen.checks],
        "limits": [
            {
                "name": limit.name,
                "words": sentences.service(fmt, limit.name),
                "people": _finite(limit.people),
            }
            for limit in chosen.limits
        ],
        "encoding": {
            "needed_core_hours": chosen.encoding.needed.value,
            "idle_core_hours": chosen.encoding.idle.value,
            "busy_by_hour": [hour.busy for hour in chosen.encoding.hours],
            "idle_by_hour": [hour.idle for hour in chosen.encoding.hours],
        },
        "cheapest": answer.best.fleet.name if answer.best else None,
        "compare": [_offer(offer, fmt) for offer in answer.offers],
        "growth": _growth(answer.growth, fmt),
        "series": _series(chosen),
        "words": _texts(chosen, fmt),
        "abilities": {
            "reference": chosen.benchmarks.reference,
            "machine": chosen.benchmarks.machine or None,
            "taken_at": chosen.benchmarks.taken_at or None,
        },
    }


def explain(chosen: Prediction, key: str, fmt: Formatter) -> list[Json]:
    """Return the derivation of a figure, line by line. Raises DemandError."""
    figure = find_figure(chosen, key)
    return [{"depth": depth, "text": text} for depth, text in fmt.derivation(figure)]


def find_figure(chosen: Prediction, key: str) -> Figure:
    """Return the figure of this key. Raises DemandError."""
    known = {figure.key: figure for figure in chosen.figures()}
    if key not in known:
        raise DemandError(
            f"There is no answer {key!r:.60} to explain: expected {', '.join(known)}.",
            f"설명할 답 가운데 {key!r:.60} 항목이 없습니다. {one_of(known)[1]}",
        )
    return known[key]


def _texts(chosen: Prediction, fmt: Formatter) -> Json:
    figures = chosen.figures()
    return {
        "verdict": sentences.verdict(fmt, chosen),
        "first_limit": sentences.first_limit(fmt, chosen),
        "notes": sentences.notes(fmt, chosen),
        "values": {figure.key: fmt.value(figure) for figure in figures},
        "names": {figure.key: fmt.text(FIGURES[figure.key]) for figure in figures},
        "demand": {
            "rate": fmt.rate(chosen.demand.top.bits_per_second),
            "price": fmt.money(chosen.demand.price),
            "adverts": fmt.money(chosen.demand.adverts),
        },
        "cost_parts": [
            {"words": name, "value": fmt.value(part), "usd": part.value}
            for name, part in _cost_parts(chosen, fmt)
        ],
    }


def _cost_parts(chosen: Prediction, fmt: Formatter) -> Iterator[tuple[str, Figure]]:
    """Yield the parts of the monthly cost, with machine and server in the names of machine
    costs."""
    machines = iter(chosen.fleet.machines)
    for part in (*chosen.cost.fixed.parts, chosen.cost.overage):
        name = fmt.name(part)
        if part.key == "machine_cost":
            machine = next(machines)
            name = f"{name} {machine.name}, {machine.server.name}"
        yield name, part


def _check(chosen: Prediction, check: CapacityCheck, fmt: Formatter) -> Json:
    required = fmt.value(Figure("", check.required, check.unit))
    available = fmt.value(Figure("", check.available, check.unit))
    if check.name == "storage":
        # Show the time until storage is full in place of sizes.
        required = fmt.value(chosen.storage.capacity)
        available = sentences.until_full(fmt, chosen)
    return {
        "name": check.name,
        "words": sentences.service(fmt, check.name),
        "asked": check.required,
        "there": _number(check.available),
        "unit": check.unit.value,
        "verdict": check.verdict.value,
        "asked_words": required,
        "there_words": available,
    }


def _offer(offer: Offer, fmt: Formatter) -> Json:
    source = fmt.sources.get(offer.source, offer.source)
    return {
        "kind": offer.kind,
        "id": offer.id,
        "name": offer.name,
        "monthly_usd": offer.usd.value,
        "fixed_usd": offer.fixed_usd,
        "verdict": offer.verdict.value,
        "value": fmt.money(offer.usd.value),
        "fixed_value": fmt.money(offer.fixed_usd),
        "source": source if fmt.language == "ko" else offer.source,
    }


def _growth(year: Growth, fmt: Formatter) -> Json:
    return {
        "months": [
            {
                "month": step.month,
                "viewers": step.viewers,
                "shape": step.shape,
                "cost_usd": step.cost_usd,
                "revenue_usd": step.revenue_usd,
                "profit_usd": step.profit_usd,
                "words": [
                    "-" if usd is None else fmt.money(usd)
                    for usd in (step.cost_usd, step.revenue_usd, step.profit_usd)
                ],
            }
            for step in year.months
        ],
        "outgrown": year.outgrown,
        "outgrown_words": sentences.growth_limits(fmt, year),
    }


def _series(chosen: Prediction) -> Json:
    """Return the series of the charts: per day, month, hour of the day, and number of
    subscribers."""
    sent, demand = chosen.transfer, chosen.demand
    ends = [day * 24 + 23 for day in range(DAYS)]
    used = sent.used
    price, adverts = demand.price, demand.adverts
    needed = chosen.break_even.whole_subscribers.value
    most = max(10, demand.subscribers, needed if math.isfinite(needed) else 0) * 1.5
    most = min(most, FIELDS["subscribers"].high)
    people = sorted({round(most * point / (POINTS - 1)) for point in range(POINTS)})
    return {
        "transfer_days": list(range(DAYS + 1)),
        "transfer_used": [0.0, *(used[hour] for hour in ends)],
        "transfer_accrued": [sent.accrued[0], *(sent.accrued[hour] for hour in ends)],
        "storage_months": list(range(len(chosen.storage.months) + 1)),
        "storage_used": [0.0, *(month.value for month in chosen.storage.months)],
        "people_hours": list(range(24)),
        "people": [demand.viewers * peak for peak in _busiest(chosen)],
        "people_hold": chosen.capacity.live_viewers.value,
        "profit_subscribers": people,
        "profit": [count * price + adverts - chosen.cost.whole.value for count in people],
    }


def _busiest(chosen: Prediction) -> list[float]:
    """Return the largest audience of each hour of the day, as a share of the peak."""
    weights = chosen.demand.profile.weights()
    on_air = chosen.transfer.month.on_air
    return [
        max((weights[h] for h in range(hour, len(weights), 24) if on_air[h]), default=0.0)
        for hour in range(24)
    ]


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _finite(figure: Figure) -> float | None:
    return _number(figure.value)


def _whole(figure: Figure) -> int | None:
    return round(figure.value) if math.isfinite(figure.value) else None
