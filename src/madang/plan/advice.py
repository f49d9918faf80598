"""What to do about it: each measure is the same prediction once more, with one thing changed."""

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

CODEC: Final = 0.65
"""Bits of H.265 or AV1 live, as a share of H.264's at the same seen quality, where half of the
viewers can play it and gain 70% of what it could: cautious."""

PEERS: Final = 0.5
"""Share that viewers of one show can take from each other, in the middle of what is reported."""

WORTH: Final = 1.0
"""US dollars below which a saving is not worth a sentence."""

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """A measure. `key` names its words, `values` fill them; `saves_usd` and `saves_bytes` are a
    month's. `change` is the demand that shows it, where it is one."""

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
) -> list[Advice]:
    """The first is what to do about the contradiction, where the transfer does not suffice.

    `offered` is everything that could do it, `best` the cheapest shape that carries the demand.
    """
    found: list[Advice] = []
    if _short(chosen):
        found.append(_contradiction(chosen))
        found += [a for a in _measures(chosen) if a.saves_bytes > 0]
        found += _delivery(catalogue, chosen)
        found += _elsewhere(chosen, offered)
    found += _shape(chosen, best)
    found += _keeping(chosen)
    found += _income(chosen)
    return found or [Advice("all_is_well")]


def _short(chosen: Prediction) -> bool:
    return chosen.transfer.overage.value > 0


def _saved(chosen: Prediction, other: Demand, key: str, change: dict[str, str]) -> Advice:
    then = predict(other, chosen.fleet, chosen.benchmarks)
    return Advice(
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


def _contradiction(chosen: Prediction) -> Advice:
    """What the allowance is in hours of the full audience, and what would make the month fit."""
    wanted, sent = chosen.wanted, chosen.transfer
    ladder = wanted.ladder or adaptive(wanted.bitrate)
    steps: list[tuple[str, Demand]] = [("", wanted)]
    if not wanted.ladder:
        steps.append(("adaptive", replace(wanted, ladder=ladder)))
    peers = max(wanted.peers, PEERS)
    steps.append(("peers", replace(steps[-1][1], peers=peers)))
    lighter = tuple(replace(rung, rate=rung.rate * CODEC) for rung in ladder)
    steps.append(("codec", replace(steps[-1][1], ladder=lighter)))
    done: list[str] = []
    then = chosen
    for name, step in steps[1:]:
        done.append(name)
        then = predict(step, chosen.fleet, chosen.benchmarks)
        if not _short(then):
            break
    fits = not _short(then)
    last = then.wanted
    return Advice(
        "contradiction_fits" if fits else "contradiction",
        {
            "viewers": wanted.viewers,
            "rate": sent.viewer_rate.value,
            "allowance": sent.allowance.value,
            "viewer_hours": sent.possible_viewer_hours.value,
            "hours": sent.hours_at_demand.value,
            "need": sent.need.value,
            "measures": ",".join(done),
            "need_then": then.transfer.need.value,
            "overage_usd": then.cost.overage.value,
            "people": wanted.viewers * sent.headway.value,
        },
        chosen.cost.whole.value - then.cost.whole.value,
        sent.need.value - then.transfer.need.value,
        {"ladder": _rungs_text(last.ladder), "peers": f"{last.peers:g}"},
    )


def _measures(chosen: Prediction) -> Iterator[Advice]:
    wanted = chosen.wanted
    if not wanted.ladder:
        ladder = adaptive(wanted.bitrate)
        yield _saved(chosen, replace(wanted, ladder=ladder), "adaptive", {"ladder": "adaptive"})
    if wanted.peers < PEERS:
        yield _saved(chosen, replace(wanted, peers=PEERS), "peers", {"peers": f"{PEERS:g}"})
    lighter = tuple(Rung(r.name, r.rate * CODEC, r.share) for r in wanted.rungs)
    change = {"ladder": _rungs_text(lighter)}
    if not wanted.ladder:
        bits = DataRate(wanted.bitrate.bits_per_second * CODEC)
        change = {"bitrate": f"{bits.bits_per_second:.0f}"}
    yield _saved(chosen, replace(wanted, ladder=lighter), "codec", change)


def _delivery(catalogue: Catalogue, chosen: Prediction) -> Iterator[Advice]:
    priced = [(delivered(chosen, catalogue, n).value, n) for n in catalogue.deliveries]
    if not priced:
        return
    usd, name = min(priced)
    saves = chosen.cost.whole.value - usd
    if saves >= WORTH:
        network = catalogue.deliveries[name]
        yield Advice("delivery", {"name": network.name, "usd": usd}, saves)


def _elsewhere(chosen: Prediction, offered: Sequence[Offer]) -> Iterator[Advice]:
    found = [
        offer
        for offer in offered
        if offer.kind == "provider" and offer.verdict is not Verdict.FAILS
    ]
    best = min(found, key=lambda offer: offer.usd.value, default=None)
    if best is not None and chosen.cost.whole.value - best.usd.value >= WORTH:
        saves = chosen.cost.whole.value - best.usd.value
        yield Advice("provider", {"name": best.name, "usd": best.usd.value}, saves)


def _shape(chosen: Prediction, best: Prediction | None) -> Iterator[Advice]:
    failing = chosen.capacity_verdict is Verdict.FAILS
    if best is None:
        if failing:
            yield Advice("no_shape", {"viewers": chosen.wanted.viewers})
        return
    saves = chosen.cost.whole.value - best.cost.whole.value
    values: dict[str, Value] = {"shape": best.fleet.name, "usd": best.cost.whole.value}
    if failing:
        yield Advice("larger_shape", values, saves)
    elif best.fleet.name != chosen.fleet.name and saves >= WORTH:
        yield Advice("cheaper_shape", values, saves)


def _keeping(chosen: Prediction) -> Iterator[Advice]:
    kept, wanted = chosen.storage, chosen.wanted
    months = kept.until_full.value
    if math.isfinite(months) and months < 12:
        yield Advice(
            "storage_full",
            {
                "months": months,
                "recordings": kept.recordings_month.value,
                "files": kept.files_month.value,
                "capacity": kept.capacity.value,
            },
        )
    if wanted.archive == "none" and kept.recordings_month.value:
        saved = kept.recordings_month.value / 2
        price = chosen.fleet.provider.block
        kept_months = min(12.0, wanted.keep_days / 30)
        usd = price.usd * saved * kept_months / price.unit.bytes
        yield Advice("archive", {"bytes": saved}, usd, 0.0, {"archive": "h265"})
    work = chosen.encoding
    if work.needed.value > work.idle.value:
        yield Advice("encoding_late", {"needed": work.needed.value, "idle": work.idle.value})


def _income(chosen: Prediction) -> Iterator[Advice]:
    money = chosen.break_even
    if money.profit.value < 0 and math.isfinite(money.whole_subscribers.value):
        short = money.whole_subscribers.value - chosen.wanted.subscribers
        yield Advice("income", {"short_usd": -money.profit.value, "subscribers": max(0.0, short)})
