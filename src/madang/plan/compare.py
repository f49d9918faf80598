"""The same month elsewhere: the other shapes, other providers, delivery networks, managed video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan.benchmarks import Benchmarks
from madang.plan.capacity import Loads
from madang.plan.catalogue import Catalogue, MachineRole
from madang.plan.demand import Demand
from madang.plan.figures import Figure, Quantity, given, product, total
from madang.plan.fleet import Fleet, fleet, one_machine
from madang.plan.money import fixed, priced
from madang.plan.prediction import Prediction, Verdict, predict
from madang.plan.profiles import DAYS, SECONDS_PER_HOUR

MOST_EDGES: Final = 8
"""Edges that are tried in search of a shape that holds."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way to do it. `kind` is shape, provider, delivery or managed; `usd` is the whole month,
    transfer beyond an allowance included; `source` says where the price is from."""

    kind: str
    id: str
    name: str
    usd: Figure
    fixed_usd: float
    verdict: Verdict
    source: str


def shapes(
    catalogue: Catalogue,
    wanted: Demand,
    benchmarks: Benchmarks,
) -> dict[str, Prediction]:
    """Every shape; one that may grow has as many edges as the viewers need, up to a limit."""
    predictions: dict[str, Prediction] = {}
    for name, shape in catalogue.shapes.items():
        loads = Loads(fleet(catalogue, name), wanted, benchmarks)
        while (
            shape.may_grow
            and loads.fleet.edges < MOST_EDGES
            and loads.live_viewers.value < wanted.viewers
        ):
            loads = Loads(fleet(catalogue, name, loads.fleet.edges + 1), wanted, benchmarks)
        predictions[name] = Prediction(loads)
    return predictions


def cheapest(found: Iterable[Prediction]) -> Prediction | None:
    """The one that carries its demand for least, transfer beyond its allowance paid for."""
    return min(
        (p for p in found if p.capacity_verdict is not Verdict.FAILS), key=price, default=None
    )


def price(found: Prediction) -> tuple[float, float]:
    """A month in US dollars, transfer beyond the allowance included; then what is fixed of it."""
    return found.cost.whole.value, found.cost.fixed.value


def offers(
    catalogue: Catalogue, chosen: Prediction, of_shapes: Mapping[str, Prediction]
) -> list[Offer]:
    """Everything in the catalogue that could do it; `of_shapes` are the predictions of `shapes`."""
    wanted, benchmarks = chosen.wanted, chosen.benchmarks
    found = [
        _offer("shape", name, prediction.fleet.name, prediction)
        for name, prediction in of_shapes.items()
    ]
    in_shapes = {m.server for shape in catalogue.shapes.values() for m in shape.machines}
    for server in catalogue.servers.values():
        if server.id not in in_shapes:
            alone = predict(wanted, one_machine(catalogue, server, chosen.fleet.block), benchmarks)
            name = f"{alone.fleet.provider.name}, {server.name}"
            found.append(_offer("provider", server.id, name, alone))
    return [*found, *_deliveries(catalogue, chosen), *_managed(catalogue, chosen)]


def _offer(kind: str, identifier: str, name: str, found: Prediction) -> Offer:
    spent = found.cost
    verdict = found.capacity_verdict
    if verdict is Verdict.HOLDS and spent.overage.value:
        # Transfer beyond the allowance is in the price here; it is still nobody's plan.
        verdict = Verdict.TIGHT
    return Offer(
        kind, identifier, name, spent.whole, spent.fixed.value, verdict, found.fleet.source
    )


def delivered(chosen: Prediction, catalogue: Catalogue, name: str) -> Figure:
    """The chosen fleet, with a delivery network that sends the pictures."""
    network = catalogue.deliveries[name]
    sent = priced(
        "delivery_cost",
        chosen.transfer.need.named("delivered_bytes"),
        network.price,
        str(network.source),
    )
    return total("with_delivery", fixed(chosen.fleet), sent)


def _deliveries(catalogue: Catalogue, chosen: Prediction) -> Iterator[Offer]:
    # What the network of the fleet could not carry, somebody else's carries.
    others = [c.verdict for c in chosen.checks if c.name not in {"live", "transfer"}]
    verdict = Verdict.FAILS if Verdict.FAILS in others else Verdict.HOLDS
    for name, network in catalogue.deliveries.items():
        usd = delivered(chosen, catalogue, name)
        rent = chosen.cost.fixed.value
        yield Offer("delivery", name, network.name, usd, rent, verdict, str(network.source))


def _managed(catalogue: Catalogue, chosen: Prediction) -> Iterator[Offer]:
    wanted = chosen.wanted
    watched = chosen.transfer.viewer_hours
    minutes = given("minutes", 60, Quantity.FACTOR, "constant")
    thousand = given("thousandth", 1 / 1000, Quantity.FACTOR, "constant")
    files = wanted.files * (wanted.file / wanted.top.over(SECONDS_PER_HOUR))
    kept_months = max(1.0, wanted.keep_days / DAYS)
    stored_hours = wanted.hours * wanted.channels * kept_months + files
    for name, service in catalogue.managed.items():
        source = str(service.source)
        usd = total(
            "managed_cost",
            product(
                "managed_delivered",
                Quantity.USD,
                watched,
                given("with_replays", 1 + wanted.replays, Quantity.FACTOR, "demand"),
                minutes,
                thousand,
                given("unit_price", service.delivered_usd, Quantity.USD, source),
            ),
            product(
                "managed_stored",
                Quantity.USD,
                given("stored_hours", stored_hours, Quantity.HOURS, "demand"),
                minutes,
                thousand,
                given("unit_price", service.stored_usd, Quantity.USD, source),
            ),
        )
        yield Offer("managed", name, service.name, usd, 0.0, Verdict.HOLDS, source)


def roles_in_words(found: Fleet) -> list[dict[str, object]]:
    """The machines of a fleet, for an answer."""
    return [
        {
            "name": place.name,
            "server": place.server.id,
            "title": place.server.name,
            "monthly_usd": place.server.monthly_usd,
            "vcpu": place.server.vcpu,
            "memory_bytes": round(place.server.memory.bytes),
            "disk_bytes": round(place.server.disk.bytes),
            "transfer_bytes": round(place.server.transfer.bytes),
            "network_bps": round(place.server.network.bits_per_second),
            "roles": [role.value for role in MachineRole if role in place.roles],
            "source": str(place.server.source),
        }
        for place in found.places
    ]
