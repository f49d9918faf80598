"""Prediction for one fleet: capacity, first limit, cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from madang.plan.benchmarks import Benchmarks
from madang.plan.capacity import Capacity, Workload, by_network, by_processor, capacity_of, rating
from madang.plan.demand import Demand
from madang.plan.figures import Figure, Quantity, given, product, quotient
from madang.plan.fleet import Fleet
from madang.plan.money import BreakEven, Cost, break_even, monthly_cost
from madang.plan.storage import (
    YEAR,
    Encoding,
    StorageForecast,
    background_encoding,
    storage_forecast,
)
from madang.plan.transfer import Transfer, monthly_transfer

TIGHT: Final = 0.8
"""Share of the capacity above which no reserve is left."""


class Verdict(StrEnum):
    """Result of a check."""

    HOLDS = "holds"
    TIGHT = "tight"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class CapacityCheck:
    """Required against available. `name` is that of the service."""

    name: str
    required: float
    available: float
    unit: Quantity

    @property
    def verdict(self) -> Verdict:
        if self.required > self.available * (1 + 1e-9):
            return Verdict.FAILS
        return Verdict.TIGHT if self.required > TIGHT * self.available else Verdict.HOLDS


@dataclass(frozen=True, slots=True)
class Limit:
    """Resource that runs out at an audience of `people`, when all demand grows with the
    audience."""

    name: str
    people: Figure


@dataclass(frozen=True)  # no slots: cached properties
class Prediction:
    """Prediction of a demand on a fleet.

    Values are computed on access: a search through many fleets reads few of them.
    """

    workload: Workload

    @property
    def fleet(self) -> Fleet:
        return self.workload.fleet

    @property
    def demand(self) -> Demand:
        return self.workload.demand

    @property
    def benchmarks(self) -> Benchmarks:
        return self.workload.benchmarks

    @cached_property
    def capacity(self) -> Capacity:
        """Concurrent capacity per service."""
        return capacity_of(self.workload)

    @cached_property
    def transfer(self) -> Transfer:
        """Transfer of a month."""
        return monthly_transfer(self.demand, self.fleet)

    @cached_property
    def storage(self) -> StorageForecast:
        """Storage, month by month."""
        return storage_forecast(self.workload)

    @cached_property
    def encoding(self) -> Encoding:
        """Background work against idle cores."""
        return background_encoding(self.workload, self.transfer.month)

    @cached_property
    def cost(self) -> Cost:
        """Cost of a month."""
        return monthly_cost(self.fleet, self.transfer)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Limits of a growing audience, the lowest first."""
        return _limits(self.workload, self.capacity, self.transfer)

    @property
    def break_even(self) -> BreakEven:
        """Break-even of income and cost."""
        return break_even(self.demand, self.cost)

    @cached_property
    def capacity_checks(self) -> tuple[CapacityCheck, ...]:
        """Checks that paying more does not mend: all but transfer."""
        demand, capacity, work = self.demand, self.capacity, self.encoding
        # Storage that is full within a month fails; within a year it needs a decision.
        full = self.storage.until_full.value
        stored = 2.0 if full < 1 else 0.9 if full < YEAR else 0.0
        return (
            CapacityCheck("live", demand.viewers, capacity.live_viewers.value, Quantity.PEOPLE),
            CapacityCheck("chat", demand.chat, capacity.chat_connections.value, Quantity.PEOPLE),
            CapacityCheck("uploads", demand.uploads, capacity.uploads.value, Quantity.COUNT),
            CapacityCheck("api", demand.api, capacity.api_rps.value, Quantity.PER_SECOND),
            CapacityCheck("storage", stored, 1.0, Quantity.SHARE),
            CapacityCheck("encoding", work.needed.value, work.idle.value, Quantity.CORE_HOURS),
        )

    @property
    def checks(self) -> tuple[CapacityCheck, ...]:
        """All checks."""
        sent = self.transfer
        allowed = sent.need.value * sent.headroom.value if sent.need.value else sent.allowance.value
        available = min(allowed, sent.allowance.value)
        bought = CapacityCheck("transfer", sent.need.value, available, Quantity.BYTES)
        return (*self.capacity_checks[:4], bought, *self.capacity_checks[4:])

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks."""
        return _worst(self.checks)

    @cached_property
    def capacity_verdict(self) -> Verdict:
        """The worst of the checks that paying more does not mend."""
        return _worst(self.capacity_checks)

    def figures(self) -> tuple[Figure, ...]:
        """Return every figure that can be explained."""
        return (
            self.capacity.live_viewers,
            self.capacity.chat_connections,
            self.capacity.uploads,
            self.capacity.api_rps,
            self.transfer.viewer_rate,
            self.transfer.viewer_hours,
            self.transfer.need,
            self.transfer.allowance,
            self.transfer.possible_viewer_hours,
            self.transfer.hours_at_demand,
            self.transfer.overage,
            self.storage.capacity,
            self.storage.months[0].named("stored_first_month"),
            self.storage.months[-1].named("stored_after_year"),
            self.storage.until_full,
            self.encoding.needed,
            self.encoding.idle,
            self.cost.fixed,
            self.cost.overage,
            self.cost.whole,
            self.cost.viewer_hour,
            self.break_even.subscribers,
            self.break_even.adverts,
            self.break_even.whole_subscribers,
            self.break_even.revenue,
            self.break_even.profit,
        )


def predict(demand: Demand, fleet: Fleet, benchmarks: Benchmarks) -> Prediction:
    """Return the prediction of `demand` on `fleet`."""
    return Prediction(Workload(fleet, demand, benchmarks))


def _worst(checks: tuple[CapacityCheck, ...]) -> Verdict:
    found = {check.verdict for check in checks}
    return next(v for v in (Verdict.FAILS, Verdict.TIGHT, Verdict.HOLDS) if v in found)


def _limits(workload: Workload, capacity: Capacity, sent: Transfer) -> tuple[Limit, ...]:
    demand = workload.demand
    viewers = given("viewers", max(1, demand.viewers), Quantity.PEOPLE, "demand")
    found = [
        Limit("transfer", product("limit_transfer", Quantity.PEOPLE, viewers, sent.headroom)),
        Limit("network", by_network(workload).named("limit_network")),
        Limit("cpu", by_processor(workload).named("limit_cpu")),
    ]
    if (rated := rating(workload.fleet)) is not None:
        found.append(Limit("rating", rated.named("limit_rating")))
    for name, required, available in (
        ("chat", demand.chat, capacity.chat_connections),
        ("api", demand.api, capacity.api_rps),
    ):
        each = quotient(
            "per_viewer", Quantity.FACTOR, given(name, required, available.unit, "demand"), viewers
        )
        found.append(Limit(name, quotient(f"limit_{name}", Quantity.PEOPLE, available, each)))
    return tuple(sorted(found, key=lambda limit: limit.people.value))
