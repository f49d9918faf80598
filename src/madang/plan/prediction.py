"""The whole answer for one fleet: what holds, what gives way first, what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from madang.plan.abilities import Abilities
from madang.plan.capacity import Holds, Loads, by_network, by_processor, holds, rating
from madang.plan.demand import Demand
from madang.plan.figures import Figure, Unit, given, product, quotient
from madang.plan.fleet import Fleet
from madang.plan.keeping import YEAR, Encoding, Storage, encoding, storage
from madang.plan.money import BreakEven, Cost, break_even, cost
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
    unit: Unit

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


@dataclass(frozen=True, slots=True)
class Prediction:
    """What `wanted` will be like on `fleet`.

    What a search through many fleets does not look at is worked out only when asked for.
    """

    fleet: Fleet
    wanted: Demand
    abilities: Abilities
    holds: Holds
    transfer: Transfer
    storage: Storage
    encoding: Encoding
    cost: Cost
    checks: tuple[Check, ...]

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What gives way as the audience grows, the first first."""
        loads = Loads(self.fleet, self.wanted, self.abilities)
        return _limits(loads, self.holds, self.transfer)

    @property
    def break_even(self) -> BreakEven:
        """Where income and cost meet."""
        return break_even(self.wanted, self.cost)

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks."""
        found = {check.verdict for check in self.checks}
        return next(v for v in (Verdict.FAILS, Verdict.TIGHT, Verdict.HOLDS) if v in found)

    @property
    def capacity_verdict(self) -> Verdict:
        """The worst of the checks that money cannot mend: all but transfer."""
        found = {check.verdict for check in self.checks if check.name != "transfer"}
        return next(v for v in (Verdict.FAILS, Verdict.TIGHT, Verdict.HOLDS) if v in found)

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


def predict(wanted: Demand, fleet: Fleet, abilities: Abilities) -> Prediction:
    """Work everything out."""
    return predict_loads(Loads(fleet, wanted, abilities))


def predict_loads(loads: Loads) -> Prediction:
    """Work everything out from what the demand takes of each machine."""
    wanted, fleet = loads.wanted, loads.fleet
    held = holds(loads)
    sent = transfer(wanted, fleet)
    kept = storage(loads)
    work = encoding(loads, sent.month)
    spent = cost(fleet, sent)
    return Prediction(
        fleet=fleet,
        wanted=wanted,
        abilities=loads.abilities,
        holds=held,
        transfer=sent,
        storage=kept,
        encoding=work,
        cost=spent,
        checks=_checks(wanted, held, sent, kept, work),
    )


def _checks(
    wanted: Demand, held: Holds, sent: Transfer, kept: Storage, work: Encoding
) -> tuple[Check, ...]:
    # Storage that is full within a month fails; within a year it needs a decision.
    full = kept.until_full.value
    stored = 2.0 if full < 1 else 0.9 if full < YEAR else 0.0
    allowed = sent.need.value * sent.headway.value if sent.need.value else sent.allowance.value
    return (
        Check("live", wanted.viewers, held.live_viewers.value, Unit.PEOPLE),
        Check("chat", wanted.chat, held.chat_connections.value, Unit.PEOPLE),
        Check("uploads", wanted.uploads, held.uploads.value, Unit.COUNT),
        Check("api", wanted.api, held.api_rps.value, Unit.PER_SECOND),
        Check("transfer", sent.need.value, min(allowed, sent.allowance.value), Unit.BYTES),
        Check("storage", stored, 1.0, Unit.SHARE),
        Check("encoding", work.needed.value, work.idle.value, Unit.CORE_HOURS),
    )


def _limits(loads: Loads, held: Holds, sent: Transfer) -> tuple[Limit, ...]:
    wanted = loads.wanted
    viewers = given("viewers", max(1, wanted.viewers), Unit.PEOPLE, "demand")
    found = [
        Limit("transfer", product("limit_transfer", Unit.PEOPLE, viewers, sent.headway)),
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
            "per_viewer", Unit.FACTOR, given(name, asked, there.unit, "demand"), viewers
        )
        found.append(Limit(name, quotient(f"limit_{name}", Unit.PEOPLE, there, each)))
    return tuple(sorted(found, key=lambda limit: limit.people.value))
