"""A year in which the audience grows each month: when each shape is outgrown, and what is left."""

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
    """One month. `shape` is the cheapest that carries it, None where none does."""

    month: int
    viewers: int
    shape: str | None
    cost_usd: float | None
    revenue_usd: float

    @property
    def profit_usd(self) -> float | None:
        """What is left."""
        return None if self.cost_usd is None else self.revenue_usd - self.cost_usd


@dataclass(frozen=True, slots=True)
class Growth:
    """Twelve months. `outgrown` has, for each shape, the first month that it does not carry, None
    where it carries all."""

    steps: tuple[GrowthMonth, ...]
    outgrown: dict[str, int | None]


def grown(wanted: Demand, months: int) -> Demand:
    """The demand after so many months: viewers and what comes with them, and what they pay."""
    factor = (1 + wanted.growth) ** months

    def whole(name: str) -> int:
        value: int = getattr(wanted, name)
        return min(int(FIELDS[name].high), round(value * factor))

    return replace(
        wanted,
        viewers=whole("viewers"),
        chat=whole("chat"),
        api=min(FIELDS["api"].high, wanted.api * factor),
        subscribers=whole("subscribers"),
        adverts=min(FIELDS["adverts"].high, wanted.adverts * factor),
    )


def growth(catalogue: Catalogue, wanted: Demand, benchmarks: Benchmarks) -> Growth:
    """The year that begins with the demand as it is."""
    then = [grown(wanted, month) for month in range(YEAR)]
    by_month = [shapes(catalogue, demand, benchmarks) for demand in then]
    rising = wanted.growth >= 0
    carried = {
        name: _carried([found[name] for found in by_month], rising=rising)
        for name in catalogue.shapes
    }
    steps = []
    for month, (demand, found) in enumerate(zip(then, by_month, strict=True)):
        standing = [prediction for name, prediction in found.items() if carried[name][month]]
        best = min(standing, key=price, default=None)
        steps.append(
            GrowthMonth(
                month + 1,
                demand.viewers,
                best.fleet.name if best else None,
                best.cost.whole.value if best else None,
                revenue(demand).value,
            )
        )
    outgrown = {
        name: None if all(months) else months.index(False) + 1 for name, months in carried.items()
    }
    return Growth(tuple(steps), outgrown)


def _carried(year: Sequence[Prediction], *, rising: bool) -> list[bool]:
    """Whether a shape carries each month of an audience that only rises, or only falls.

    What more people break, yet more do not mend: on a fleet that stays as it is, a year whose
    largest audience is carried is carried whole, and none beyond the first that is not.
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
