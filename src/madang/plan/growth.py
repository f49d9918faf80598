"""A year in which the audience grows each month: when each shape is outgrown, and what is left."""

from __future__ import annotations

from dataclasses import dataclass, replace

from madang.plan.abilities import Abilities
from madang.plan.catalogue import Catalogue
from madang.plan.compare import cheapest, shapes
from madang.plan.demand import FIELDS, Demand
from madang.plan.keeping import YEAR
from madang.plan.money import revenue
from madang.plan.prediction import Verdict


@dataclass(frozen=True, slots=True)
class Step:
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

    steps: tuple[Step, ...]
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


def growth(catalogue: Catalogue, wanted: Demand, abilities: Abilities) -> Growth:
    """The year that begins with the demand as it is."""
    steps = []
    outgrown: dict[str, int | None] = dict.fromkeys(catalogue.shapes)
    standing = set(catalogue.shapes)
    for month in range(1, YEAR + 1):
        then = grown(wanted, month - 1)
        found = shapes(catalogue, then, abilities, standing)
        for name, prediction in found.items():
            if prediction.capacity_verdict is Verdict.FAILS:
                outgrown[name] = outgrown[name] or month
                if wanted.growth >= 0:  # what more demand has broken, yet more does not mend
                    standing.discard(name)
        best = cheapest(found.values())
        steps.append(
            Step(
                month,
                then.viewers,
                best.fleet.name if best else None,
                best.cost.whole.value if best else None,
                revenue(then).value,
            )
        )
    return Growth(tuple(steps), outgrown)
