"""Forecast of a year in which the audience grows each month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from madang.plan.benchmarks import Benchmarks
from madang.plan.catalogue import Catalogue
from madang.plan.compare import price, shapes
from madang.plan.demand import FIELDS, Demand
from madang.plan.money import revenue
from madang.plan.prediction import Prediction, Verdict
from madang.plan.storage import YEAR


@dataclass(frozen=True, slots=True)
class GrowthMonth:
    """Forecast of a month. `shape` is the cheapest that carries it, None if none does."""

    month: int
    viewers: int
    shape: str | None
    cost_usd: float | None
    revenue_usd: float

    @property
    def profit_usd(self) -> float | None:
        """Revenue minus cost."""
        return None if self.cost_usd is None else self.revenue_usd - self.cost_usd


@dataclass(frozen=True, slots=True)
class Growth:
    """Twelve months. `outgrown` maps each shape to the first month that it does not carry, None if
    it carries all."""

    months: tuple[GrowthMonth, ...]
    outgrown: dict[str, int | None]


def demand_after(demand: Demand, months: int) -> Demand:
    """Return the demand after `months`: viewers, and what grows with them."""
    factor = (1 + demand.growth) ** months

    def whole(name: str) -> int:
        value: int = getattr(demand, name)
        return min(int(FIELDS[name].high), round(value * factor))

    return replace(
        demand,
        viewers=whole("viewers"),
        chat=whole("chat"),
        api=min(FIELDS["api"].high, demand.api * factor),
        subscribers=whole("subscribers"),
        adverts=min(FIELDS["adverts"].high, demand.adverts * factor),
    )


def growth(catalogue: Catalogue, demand: Demand, benchmarks: Benchmarks) -> Growth:
    """Return the forecast of a year that begins with `demand`."""
    demands = [demand_after(demand, month) for month in range(YEAR)]
    by_month = [shapes(catalogue, each, benchmarks) for each in demands]
    rising = demand.growth >= 0
    carried = {
        name: _carried([found[name] for found in by_month], rising=rising)
        for name in catalogue.shapes
    }
    months = []
    for month, (later, found) in enumerate(zip(demands, by_month, strict=True)):
        candidates = [prediction for name, prediction in found.items() if carried[name][month]]
        best = min(candidates, key=price, default=None)
        months.append(
            GrowthMonth(
                month + 1,
                later.viewers,
                best.fleet.name if best else None,
                best.cost.whole.value if best else None,
                revenue(later).value,
            )
        )
    outgrown = {
        name: None if all(months) else months.index(False) + 1 for name, months in carried.items()
    }
    return Growth(tuple(months), outgrown)


def _carried(year: Sequence[Prediction], *, rising: bool) -> list[bool]:
    """Return which months a shape carries when the audience only rises, or only falls.

    More people never make a failing check pass. On a fleet of constant size, a year whose largest
    audience is carried is carried whole, and no month after the first failure is.
    """
    by_size = range(len(year)) if rising else range(len(year) - 1, -1, -1)
    largest = year[by_size[-1]]
    if largest.fleet.edges == year[by_size[0]].fleet.edges and _carries(largest):
        return [True] * len(year)
    carried = [False] * len(year)
    for month in by_size:
        if not _carries(year[month]):
            break
        carried[month] = True
    return carried


def _carries(found: Prediction) -> bool:
    return found.capacity_verdict is not Verdict.FAILS
