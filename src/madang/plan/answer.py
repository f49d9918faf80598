"""The answer as one JSON object: what `madang plan --json` prints and the API sends to the page.

Sizes in bytes, rates in bits per second, money in US dollars, whatever the words are in. What is
without limit is null.
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
from madang.plan.compare import Offer, cheapest, offers, roles_in_words, shapes
from madang.plan.demand import CASES, FIELDS, Demand, demand, written
from madang.plan.errors import DemandError
from madang.plan.figures import Figure
from madang.plan.fleet import MAX_EDGES, fleet
from madang.plan.formatting import Formatter
from madang.plan.growth import Growth, growth
from madang.plan.labels import FIGURES, one_of, whole_number
from madang.plan.prediction import Check, Prediction, predict
from madang.plan.profiles import DAYS

DEFAULT_SHAPE: Final = "single"
POINTS: Final = 25
"""Points of the curve of profit against subscribers."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a demand on a shape."""

    wanted: Demand
    shape: str = DEFAULT_SHAPE
    edges: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that was worked out for one question."""

    chosen: Prediction
    offers: tuple[Offer, ...]
    best: Prediction | None
    growth: Growth


def question(asked: Mapping[str, object]) -> Question:
    """What is asked by a command line, a file or an address: the names of `FIELDS`, `shape`,
    `edges`, and `case` for one of the plan's phases, from which the others depart.

    Raises DemandError.
    """
    left = dict(asked)
    case = left.pop("case", None)
    shape, base = DEFAULT_SHAPE, Demand()
    if case is not None:
        if case not in CASES:
            raise DemandError.of("case", case, one_of(CASES))
        shape, phase = CASES[str(case)]
        base = demand(phase)
    chosen, edges = left.pop("shape", shape), left.pop("edges", 1)
    try:
        count = int(str(edges))
    except ValueError:
        raise DemandError.of("edges", edges, whole_number(1, MAX_EDGES)) from None
    return Question(demand(left, base), str(chosen), count)


def work_out(catalogue: Catalogue, benchmarks: Benchmarks, question: Question) -> Answer:
    """Answer a question. Raises DemandError."""
    chosen = predict(question.wanted, fleet(catalogue, question.shape, question.edges), benchmarks)
    of_shapes = shapes(catalogue, question.wanted, benchmarks)
    offered = offers(catalogue, chosen, of_shapes)
    return Answer(
        chosen,
        tuple(offered),
        cheapest(of_shapes.values()),
        growth(catalogue, question.wanted, benchmarks),
    )


def as_json(catalogue: Catalogue, question: Question, answer: Answer, words: Formatter) -> Json:
    """The whole object; the keys that `surface.md` names come first."""
    chosen = answer.chosen
    advice = advise(catalogue, chosen, answer.offers, answer.best)
    sent, kept, money = chosen.transfer, chosen.storage, chosen.break_even
    return {
        "shape": question.shape,
        "monthly_usd": chosen.cost.fixed.value,
        "machines": roles_in_words(chosen.fleet),
        "holds": {
            "live_viewers": _whole(chosen.holds.live_viewers),
            "chat_connections": _whole(chosen.holds.chat_connections),
            "uploads": _whole(chosen.holds.uploads),
            "api_rps": _whole(chosen.holds.api_rps),
        },
        "transfer": {
            "allowance_bytes": round(sent.allowance.value),
            "viewer_hours": _finite(sent.possible_viewer_hours),
            "hours_at_demand": _finite(sent.hours_at_demand),
            "need_bytes": round(sent.need.value),
            "demand_viewer_hours": sent.viewer_hours.value,
            "overage_bytes": round(sent.overage.value),
            "accrual": chosen.fleet.provider.accrual.value,
            "runs_out_hour": sent.runs_out,
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
                "words": sentences.advice(words, item),
                "saves_usd": item.saves_usd,
                "saves_bytes": round(item.saves_bytes),
                "saves_words": words.money(item.saves_usd) if item.saves_usd >= 0.5 else "",
                "change": item.change,
            }
            for item in advice
        ],
        "demand": written(question.wanted),
        "edges": chosen.fleet.edges,
        "provider": chosen.fleet.provider.name,
        "region": chosen.fleet.provider.region,
        "cost": {
            "fixed_usd": chosen.cost.fixed.value,
            "overage_usd": chosen.cost.overage.value,
            "total_usd": chosen.cost.whole.value,
            "viewer_hour_usd": _finite(chosen.cost.viewer_hour),
        },
        "checks": [_check(chosen, check, words) for check in chosen.checks],
        "limits": [
            {
                "name": limit.name,
                "words": sentences.service(words, limit.name),
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
        "compare": [_offer(offer, words) for offer in answer.offers],
        "growth": _growth(answer.growth, words),
        "series": _series(chosen),
        "words": _said(chosen, words),
        "abilities": {
            "reference": chosen.benchmarks.reference,
            "machine": chosen.benchmarks.machine or None,
            "taken_at": chosen.benchmarks.taken_at or None,
        },
    }


def explained(chosen: Prediction, key: str, words: Formatter) -> list[Json]:
    """Why an answer is what it is, line by line. Raises DemandError."""
    figure = figure_named(chosen, key)
    return [{"depth": depth, "text": text} for depth, text in words.why(figure)]


def figure_named(chosen: Prediction, key: str) -> Figure:
    """One that can be asked "why?". Raises DemandError."""
    known = {figure.key: figure for figure in chosen.figures()}
    if key not in known:
        raise DemandError(
            f"There is no answer {key!r:.60} to explain: expected {', '.join(known)}.",
            f"설명할 답 가운데 {key!r:.60} 항목이 없습니다. {one_of(known)[1]}",
        )
    return known[key]


def _said(chosen: Prediction, words: Formatter) -> Json:
    figures = chosen.figures()
    return {
        "verdict": sentences.verdict(words, chosen),
        "first_limit": sentences.first_limit(words, chosen),
        "notes": sentences.notes(words, chosen),
        "values": {figure.key: words.value(figure) for figure in figures},
        "names": {figure.key: words.say(FIGURES[figure.key]) for figure in figures},
        "demand": {
            "rate": words.rate(chosen.wanted.top.bits_per_second),
            "price": words.money(chosen.wanted.price),
            "adverts": words.money(chosen.wanted.adverts),
        },
        "cost_parts": [
            {"words": name, "value": words.value(part), "usd": part.value}
            for name, part in _cost_parts(chosen, words)
        ],
    }


def _cost_parts(chosen: Prediction, words: Formatter) -> Iterator[tuple[str, Figure]]:
    """What the month is made of; the servers by their place and size."""
    places = iter(chosen.fleet.places)
    for part in (*chosen.cost.fixed.parts, chosen.cost.overage):
        name = words.name(part)
        if part.key == "machine_cost":
            place = next(places)
            name = f"{name} {place.name}, {place.server.name}"
        yield name, part


def _check(chosen: Prediction, check: Check, words: Formatter) -> Json:
    asked = words.value(Figure("", check.asked, check.unit))
    there = words.value(Figure("", check.there, check.unit))
    if check.name == "storage":
        # What is asked of storage is time: how long until there is none left.
        asked = words.value(chosen.storage.capacity)
        there = sentences.until_full(words, chosen)
    return {
        "name": check.name,
        "words": sentences.service(words, check.name),
        "asked": check.asked,
        "there": _number(check.there),
        "unit": check.unit.value,
        "verdict": check.verdict.value,
        "asked_words": asked,
        "there_words": there,
    }


def _offer(offer: Offer, words: Formatter) -> Json:
    source = words.sources.get(offer.source, offer.source)
    return {
        "kind": offer.kind,
        "id": offer.id,
        "name": offer.name,
        "monthly_usd": offer.usd.value,
        "fixed_usd": offer.fixed_usd,
        "verdict": offer.verdict.value,
        "value": words.money(offer.usd.value),
        "fixed_value": words.money(offer.fixed_usd),
        "source": source if words.language == "ko" else offer.source,
    }


def _growth(year: Growth, words: Formatter) -> Json:
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
                    "-" if usd is None else words.money(usd)
                    for usd in (step.cost_usd, step.revenue_usd, step.profit_usd)
                ],
            }
            for step in year.steps
        ],
        "outgrown": year.outgrown,
        "outgrown_words": sentences.outgrown(words, year),
    }


def _series(chosen: Prediction) -> Json:
    """What the charts draw: at the end of each day, month, hour of the day, and by subscribers."""
    sent, wanted = chosen.transfer, chosen.wanted
    ends = [day * 24 + 23 for day in range(DAYS)]
    used = sent.used
    price, adverts = wanted.price, wanted.adverts
    needed = chosen.break_even.whole_subscribers.value
    most = max(10, wanted.subscribers, needed if math.isfinite(needed) else 0) * 1.5
    most = min(most, FIELDS["subscribers"].high)
    people = sorted({round(most * point / (POINTS - 1)) for point in range(POINTS)})
    return {
        "transfer_days": list(range(DAYS + 1)),
        "transfer_used": [0.0, *(used[hour] for hour in ends)],
        "transfer_accrued": [sent.accrued[0], *(sent.accrued[hour] for hour in ends)],
        "storage_months": list(range(len(chosen.storage.months) + 1)),
        "storage_used": [0.0, *(month.value for month in chosen.storage.months)],
        "people_hours": list(range(24)),
        "people": [wanted.viewers * peak for peak in _busiest(chosen)],
        "people_hold": chosen.holds.live_viewers.value,
        "profit_subscribers": people,
        "profit": [count * price + adverts - chosen.cost.whole.value for count in people],
    }


def _busiest(chosen: Prediction) -> list[float]:
    """The largest audience of each hour of the day, as a share of the peak."""
    weights = chosen.wanted.profile.weights()
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
