"""The whole answer for one fleet: what holds, what gives way first, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from madang.plan.benchmarks import Benchmarks
from madang.plan.capacity import Holds, Loads, by_network, by_processor, holds, rating
from madang.plan.demand import Demand
from madang.plan.figures import Figure, Quantity, given, product, quotient
from madang.plan.fleet import Fleet
from madang.plan.money import BreakEven, Cost, break_even, cost
from madang.plan.storage import YEAR, Encoding, StorageForecast, encoding, storage
from madang.plan.transfer import Transfer, transfer

TIGHT: Final = 0.8
"""Share of what holds from which on there is no room for a good day."""


class Verdict(StrEnum):
    """How it will go."""

    HOLDS = "holds"
    TIGHT = "tight"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is asked for, and what is there. `name` is that of the service."""

    name: str
    asked: float
    there: float
    unit: Quantity

    @property
    def verdict(self) -> Verdict:
        """Enough, just enough, or not."""
        if self.asked > self.there * (1 + 1e-9):
            return Verdict.FAILS
        return Verdict.TIGHT if self.asked > TIGHT * self.there else Verdict.HOLDS


@dataclass(frozen=True, slots=True)
class Limit:
    """What gives way at an audience of `people`, when everything that people do grows with it."""

    name: str
    people: Figure


@dataclass(frozen=True)  # no slots: what has been worked out is kept
class Prediction:
    """What the demand will be like on its fleet.

    A search through many fleets looks at few of the answers: each is worked out when asked for.
    """

    loads: Loads

    @property
    def fleet(self) -> Fleet:
        """What it would run on."""
        return self.loads.fleet

    @property
    def wanted(self) -> Demand:
        """What is asked for."""
        return self.loads.wanted

    @property
    def benchmarks(self) -> Benchmarks:
        """What a machine does."""
        return self.loads.benchmarks

    @cached_property
    def holds(self) -> Holds:
        """How many at once."""
        return holds(self.loads)

    @cached_property
    def transfer(self) -> Transfer:
        """What a month sends."""
        return transfer(self.wanted, self.fleet)

    @cached_property
    def storage(self) -> StorageForecast:
        """What is kept."""
        return storage(self.loads)

    @cached_property
    def encoding(self) -> Encoding:
        """Background work against idle cores."""
        return encoding(self.loads, self.transfer.month)

    @cached_property
    def cost(self) -> Cost:
        """What a month costs."""
        return cost(self.fleet, self.transfer)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What gives way as the audience grows, the first first."""
        return _limits(self.loads, self.holds, self.transfer)

    @property
    def break_even(self) -> BreakEven:
        """Where income and cost meet."""
        return break_even(self.wanted, self.cost)

    @cached_property
    def capacity_checks(self) -> tuple[Check, ...]:
        """What money cannot mend: all but transfer."""
        wanted, held, work = self.wanted, self.holds, self.encoding
        # Storage that is full within a month fails; within a year it needs a decision.
        full = self.storage.until_full.value
        stored = 2.0 if full < 1 else 0.9 if full < YEAR else 0.0
        return (
            Check("live", wanted.viewers, held.live_viewers.value, Quantity.PEOPLE),
            Check("chat", wanted.chat, held.chat_connections.value, Quantity.PEOPLE),
            Check("uploads", wanted.uploads, held.uploads.value, Quantity.COUNT),
            Check("api", wanted.api, held.api_rps.value, Quantity.PER_SECOND),
            Check("storage", stored, 1.0, Quantity.SHARE),
            Check("encoding", work.needed.value, work.idle.value, Quantity.CORE_HOURS),
        )

    @property
    def checks(self) -> tuple[Check, ...]:
        """Everything that is asked for against what is there."""
        sent = self.transfer
        allowed = sent.need.value * sent.headway.value if sent.need.value else sent.allowance.value
        there = min(allowed, sent.allowance.value)
        bought = Check("transfer", sent.need.value, there, Quantity.BYTES)
        return (*self.capacity_checks[:4], bought, *self.capacity_checks[4:])

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks."""
        return _worst(self.checks)

    @cached_property
    def capacity_verdict(self) -> Verdict:
        """The worst of the checks that money cannot mend."""
        return _worst(self.capacity_checks)

    def figures(self) -> tuple[Figure, ...]:
        """Every answer that can be asked "why?"."""
        return (
            self.holds.live_viewers,
            self.holds.chat_connections,
            self.holds.uploads,
            self.holds.api_rps,
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


def predict(wanted: Demand, fleet: Fleet, benchmarks: Benchmarks) -> Prediction:
    """What there is to say of `wanted` on `fleet`."""
    return Prediction(Loads(fleet, wanted, benchmarks))


def _worst(checks: tuple[Check, ...]) -> Verdict:
    found = {check.verdict for check in checks}
    return next(v for v in (Verdict.FAILS, Verdict.TIGHT, Verdict.HOLDS) if v in found)


def _limits(loads: Loads, held: Holds, sent: Transfer) -> tuple[Limit, ...]:
    wanted = loads.wanted
    viewers = given("viewers", max(1, wanted.viewers), Quantity.PEOPLE, "demand")
    found = [
        Limit("transfer", product("limit_transfer", Quantity.PEOPLE, viewers, sent.headway)),
        Limit("network", by_network(loads).named("limit_network")),
        Limit("cpu", by_processor(loads).named("limit_cpu")),
    ]
    if (rated := rating(loads.fleet)) is not None:
        found.append(Limit("rating", rated.named("limit_rating")))
    for name, asked, there in (
        ("chat", wanted.chat, held.chat_connections),
        ("api", wanted.api, held.api_rps),
    ):
        each = quotient(
            "per_viewer", Quantity.FACTOR, given(name, asked, there.unit, "demand"), viewers
        )
        found.append(Limit(name, quotient(f"limit_{name}", Quantity.PEOPLE, there, each)))
    return tuple(sorted(found, key=lambda limit: limit.people.value))
