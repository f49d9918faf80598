"""Advice: each measure is the same prediction with one thing changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from madang.base.units import DataRate
from madang.plan.catalogue import Catalogue
from madang.plan.compare import Offer, delivered
from madang.plan.demand import Demand, Rung, adaptive
from madang.plan.prediction import Prediction, Verdict, predict

CODEC_RATIO: Final = 0.65
"""Live bit rate of H.265 or AV1 as a share of H.264's at the same perceived quality. Cautious: half
of the viewers can play it and gain 70% of what it could save."""

PEER_SHARE: Final = 0.5
"""Share of its data that viewers of one show can take from each other: the middle of reported
values."""

MIN_SAVING_USD: Final = 1.0
"""Savings below this are not mentioned. US dollars."""

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A measure. `key` selects the sentence, `values` fill it; `saves_usd` and `saves_bytes` are
    per month; `change` holds the demand's fields that apply the measure."""

    key: str
    values: dict[str, Value] = field(default_factory=dict)
    saves_usd: float = 0.0
    saves_bytes: float = 0.0
    change: dict[str, str] = field(default_factory=dict)


def advise(
    catalogue: Catalogue,
    chosen: Prediction,
    offered: Sequence[Offer],
    best: Prediction | None,
) -> list[Recommendation]:
    """Return advice in order of importance; transfer beyond the allowance comes first.

    `offered` is every alternative, `best` the cheapest shape that carries the demand.
    """
    found: list[Recommendation] = []
    if _exceeds_allowance(chosen):
        found.append(_allowance_advice(chosen))
        found += [a for a in _measures_advice(chosen) if a.saves_bytes > 0]
        found += _delivery_advice(catalogue, chosen)
        found += _provider_advice(chosen, offered)
    found += _shape_advice(chosen, best)
    found += _storage_advice(chosen)
    found += _income_advice(chosen)
    return found or [Recommendation("all_is_well")]


def _exceeds_allowance(chosen: Prediction) -> bool:
    return chosen.transfer.overage.value > 0


def _saved(chosen: Prediction, other: Demand, key: str, change: dict[str, str]) -> Recommendation:
    then = predict(other, chosen.fleet, chosen.benchmarks)
    return Recommendation(
        key,
        {
            "hours": then.transfer.hours_at_demand.value,
            "overage_usd": then.cost.overage.value,
            "rate": then.transfer.viewer_rate.value,
        },
        chosen.cost.whole.value - then.cost.whole.value,
        chosen.transfer.need.value - then.transfer.need.value,
        change,
    )


def _rungs_text(rungs: tuple[Rung, ...]) -> str:
    return ",".join(f"{r.name}:{r.rate.bits_per_second / 1e6:g}:{r.share:g}" for r in rungs)


def _allowance_advice(chosen: Prediction) -> Recommendation:
    """Return the allowance in hours of the full audience and the measures that make the month
    fit."""
    demand, sent = chosen.demand, chosen.transfer
    ladder = demand.ladder or adaptive(demand.bitrate)
    steps: list[tuple[str, Demand]] = [("", demand)]
    if not demand.ladder:
        steps.append(("adaptive", replace(demand, ladder=ladder)))
    peers = max(demand.peers, PEER_SHARE)
    steps.append(("peers", replace(steps[-1][1], peers=peers)))
    lighter = tuple(replace(rung, rate=rung.rate * CODEC_RATIO) for rung in ladder)
    steps.append(("codec", replace(steps[-1][1], ladder=lighter)))
    done: list[str] = []
    then = chosen
    for name, step in steps[1:]:
        done.append(name)
        then = predict(step, chosen.fleet, chosen.benchmarks)
        if not _exceeds_allowance(then):
            break
    fits = not _exceeds_allowance(then)
    last = then.demand
    return Recommendation(
        "contradiction_fits" if fits else "contradiction",
        {
            "viewers": demand.viewers,
            "rate": sent.viewer_rate.value,
            "allowance": sent.allowance.value,
            "viewer_hours": sent.possible_viewer_hours.value,
            "hours": sent.hours_at_demand.value,
            "need": sent.need.value,
            "measures": ",".join(done),
            "need_then": then.transfer.need.value,
            "overage_usd": then.cost.overage.value,
            "people": demand.viewers * sent.headroom.value,
        },
        chosen.cost.whole.value - then.cost.whole.value,
        sent.need.value - then.transfer.need.value,
        {"ladder": _rungs_text(last.ladder), "peers": f"{last.peers:g}"},
    )


def _measures_advice(chosen: Prediction) -> Iterator[Recommendation]:
    demand = chosen.demand
    if not demand.ladder:
        ladder = adaptive(demand.bitrate)
        yield _saved(chosen, replace(demand, ladder=ladder), "adaptive", {"ladder": "adaptive"})
    if demand.peers < PEER_SHARE:
        yield _saved(
            chosen, replace(demand, peers=PEER_SHARE), "peers", {"peers": f"{PEER_SHARE:g}"}
        )
    lighter = tuple(Rung(r.name, r.rate * CODEC_RATIO, r.share) for r in demand.rungs)
    change = {"ladder": _rungs_text(lighter)}
    if not demand.ladder:
        bits = DataRate(demand.bitrate.bits_per_second * CODEC_RATIO)
        change = {"bitrate": f"{bits.bits_per_second:.0f}"}
    yield _saved(chosen, replace(demand, ladder=lighter), "codec", change)


def _delivery_advice(catalogue: Catalogue, chosen: Prediction) -> Iterator[Recommendation]:
    priced = [(delivered(chosen, catalogue, n).value, n) for n in catalogue.deliveries]
    if not priced:
        return
    usd, name = min(priced)
    saves = chosen.cost.whole.value - usd
    if saves >= MIN_SAVING_USD:
        network = catalogue.deliveries[name]
        yield Recommendation("delivery", {"name": network.name, "usd": usd}, saves)


def _provider_advice(chosen: Prediction, offered: Sequence[Offer]) -> Iterator[Recommendation]:
    found = [
        offer
        for offer in offered
        if offer.kind == "provider" and offer.verdict is not Verdict.FAILS
    ]
    best = min(found, key=lambda offer: offer.usd.value, default=None)
    if best is not None and chosen.cost.whole.value - best.usd.value >= MIN_SAVING_USD:
        saves = chosen.cost.whole.value - best.usd.value
        yield Recommendation("provider", {"name": best.name, "usd": best.usd.value}, saves)


def _shape_advice(chosen: Prediction, best: Prediction | None) -> Iterator[Recommendation]:
    failing = chosen.capacity_verdict is Verdict.FAILS
    if best is None:
        if failing:
            yield Recommendation("no_shape", {"viewers": chosen.demand.viewers})
        return
    saves = chosen.cost.whole.value - best.cost.whole.value
    values: dict[str, Value] = {"shape": best.fleet.name, "usd": best.cost.whole.value}
    if failing:
        yield Recommendation("larger_shape", values, saves)
    elif best.fleet.name != chosen.fleet.name and saves >= MIN_SAVING_USD:
        yield Recommendation("cheaper_shape", values, saves)


def _storage_advice(chosen: Prediction) -> Iterator[Recommendation]:
    kept, demand = chosen.storage, chosen.demand
    months = kept.until_full.value
    if math.isfinite(months) and months < 12:
        yield Recommendation(
            "storage_full",
            {
                "months": months,
                "recordings": kept.recordings_month.value,
                "files": kept.files_month.value,
                "capacity": kept.capacity.value,
            },
        )
    if demand.archive == "none" and kept.recordings_month.value:
        saved = kept.recordings_month.value / 2
        price = chosen.fleet.provider.block
        kept_months = min(12.0, demand.keep_days / 30)
        usd = price.usd * saved * kept_months / price.unit.bytes
        yield Recommendation("archive", {"bytes": saved}, usd, 0.0, {"archive": "h265"})
    work = chosen.encoding
    if work.needed.value > work.idle.value:
        yield Recommendation(
            "encoding_late", {"needed": work.needed.value, "idle": work.idle.value}
        )


def _income_advice(chosen: Prediction) -> Iterator[Recommendation]:
    money = chosen.break_even
    if money.profit.value < 0 and math.isfinite(money.whole_subscribers.value):
        short = money.whole_subscribers.value - chosen.demand.subscribers
        yield Recommendation(
            "income", {"short_usd": -money.profit.value, "subscribers": max(0.0, short)}
        )
