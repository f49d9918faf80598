"""Monthly cost, cost of a viewer-hour, and break-even."""

from __future__ import annotations

from dataclasses import dataclass

from madang.base.units import DataSize
from madang.plan.catalogue import Price
from madang.plan.demand import Demand
from madang.plan.figures import (
    Figure,
    Quantity,
    ceiling,
    difference,
    given,
    product,
    quotient,
    total,
)
from madang.plan.fleet import Fleet
from madang.plan.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars a month. `fixed` is servers and storage, `whole` adds transfer beyond the
    allowance."""

    fixed: Figure
    overage: Figure
    whole: Figure
    viewer_hour: Figure


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Subscribers or adverts (in multiples of a subscription) that cover the fixed cost; `whole_*`
    cover transfer beyond the allowance as well."""

    covers: Figure
    subscribers: Figure
    adverts: Figure
    whole_subscribers: Figure
    whole_adverts: Figure
    revenue: Figure
    profit: Figure


def priced(key: str, size: Figure, price: Price, origin: str) -> Figure:
    """Return the price of an amount of data, in the provider's own unit, decimal or binary."""
    unit = given("one_unit", price.unit.bytes, Quantity.BYTES, price.per)
    units = quotient("billed_units", Quantity.COUNT, size, unit)
    return product(key, Quantity.USD, units, given("unit_price", price.usd, Quantity.USD, origin))


def fixed(fleet: Fleet) -> Figure:
    """Return the cost of servers and storage."""
    parts = [
        given("machine_cost", machine.server.monthly_usd, Quantity.USD, str(machine.server.source))
        for machine in fleet.machines
    ]
    provider, source = fleet.provider, str(fleet.provider.source)
    for key, size, price in (
        ("block_cost", fleet.block, provider.block),
        ("object_cost", fleet.object, provider.object),
    ):
        if size > DataSize(0):
            stored = given(key.replace("_cost", ""), size.bytes, Quantity.BYTES, fleet.source)
            parts.append(priced(key, stored, price, source))
    return total("fixed_cost", *parts)


def monthly_cost(fleet: Fleet, sent: Transfer) -> Cost:
    """Return the cost of a month on `fleet`."""
    rent = fixed(fleet)
    source = str(fleet.provider.source)
    over = priced("overage_cost", sent.overage, fleet.provider.overage, source)
    whole = total("whole_cost", rent, over)
    each = quotient("viewer_hour_cost", Quantity.USD, whole, sent.viewer_hours)
    return Cost(rent, over, whole, each)


def revenue(demand: Demand) -> Figure:
    """Return the income of a month."""
    return total(
        "revenue",
        product(
            "subscriptions",
            Quantity.USD,
            given("subscribers", demand.subscribers, Quantity.COUNT, "demand"),
            given("price", demand.price, Quantity.USD, "demand"),
        ),
        given("adverts", demand.adverts, Quantity.USD, "demand"),
    )


def break_even(demand: Demand, spent: Cost) -> BreakEven:
    """Return the break-even of fixed and whole cost."""
    income = revenue(demand)
    subscribers, adverts = _covering(demand, spent.fixed, "break_even")
    whole_subscribers, whole_adverts = _covering(demand, spent.whole, "whole_break_even")
    return BreakEven(
        covers=spent.fixed,
        subscribers=subscribers,
        adverts=adverts,
        whole_subscribers=whole_subscribers,
        whole_adverts=whole_adverts,
        revenue=income,
        profit=difference("profit", income, spent.whole),
    )


def _covering(demand: Demand, costs: Figure, key: str) -> tuple[Figure, Figure]:
    price = given("price", demand.price, Quantity.USD, "demand")
    people = ceiling(
        f"{key}_subscribers", quotient("subscribers_needed", Quantity.COUNT, costs, price)
    )
    if not demand.price:
        # Free subscriptions: only adverts can pay.
        return people, costs.named(f"{key}_adverts")
    return people, product(f"{key}_adverts", Quantity.USD, people, price)
