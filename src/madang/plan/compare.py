"""Alternatives for the same month: other shapes, providers, delivery networks, managed video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from madang.plan.benchmarks import Benchmarks
from madang.plan.capacity import Workload
from madang.plan.catalogue import Catalogue, MachineRole
from madang.plan.demand import Demand
from madang.plan.figures import Figure, Quantity, given, product, total
from madang.plan.fleet import Fleet, build_fleet, one_machine
from madang.plan.money import fixed, priced
from madang.plan.prediction import Prediction, Verdict, predict
from madang.plan.profiles import DAYS, SECONDS_PER_HOUR

MOST_EDGES: Final = 8
"""Most edges tried in the search for a sufficient shape."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An alternative. `kind` is shape, provider, delivery or managed; `usd` is the whole month
    including transfer beyond an allowance; `source` is the origin of the price."""

    kind: str
    id: str
    name: str
    usd: Figure
    fixed_usd: float
    verdict: Verdict
    source: str


def shapes(
    catalogue: Catalogue,
    demand: Demand,
    benchmarks: Benchmarks,
) -> dict[str, Prediction]:
    """Return a prediction for every shape; edges are added as viewers need them, up to a limit."""
    predictions: dict[str, Prediction] = {}
    for name, shape in catalogue.shapes.items():
        workload = Workload(build_fleet(catalogue, name), demand, benchmarks)
        while (
            shape.may_grow
            and workload.fleet.edges < MOST_EDGES
            and workload.live_viewers.value < demand.viewers
        ):
            workload = Workload(
                build_fleet(catalogue, name, workload.fleet.edges + 1), demand, benchmarks
            )
        predictions[name] = Prediction(workload)
    return predictions


def cheapest(found: Iterable[Prediction]) -> Prediction | None:
    """Return the cheapest prediction that carries its demand, transfer beyond the allowance
    included."""
    return min(
        (p for p in found if p.capacity_verdict is not Verdict.FAILS), key=price, default=None
    )


def price(found: Prediction) -> tuple[float, float]:
    """Return the whole cost of a month and its fixed part, in US dollars."""
    return found.cost.whole.value, found.cost.fixed.value


def offers(
    catalogue: Catalogue, chosen: Prediction, of_shapes: Mapping[str, Prediction]
) -> list[Offer]:
    """Return every alternative of the catalogue; `of_shapes` are the predictions of `shapes`."""
    demand, benchmarks = chosen.demand, chosen.benchmarks
    found = [
        _offer("shape", name, prediction.fleet.name, prediction)
        for name, prediction in of_shapes.items()
    ]
    in_shapes = {m.server for shape in catalogue.shapes.values() for m in shape.machines}
    for server in catalogue.servers.values():
        if server.id not in in_shapes:
            alone = predict(demand, one_machine(catalogue, server, chosen.fleet.block), benchmarks)
            name = f"{alone.fleet.provider.name}, {server.name}"
            found.append(_offer("provider", server.id, name, alone))
    return [*found, *_deliveries(catalogue, chosen), *_managed(catalogue, chosen)]


def _offer(kind: str, identifier: str, name: str, found: Prediction) -> Offer:
    spent = found.cost
    verdict = found.capacity_verdict
    if verdict is Verdict.HOLDS and spent.overage.value:
        # The price includes transfer beyond the allowance, but nobody plans for that.
        verdict = Verdict.TIGHT
    return Offer(
        kind, identifier, name, spent.whole, spent.fixed.value, verdict, found.fleet.source
    )


def delivered(chosen: Prediction, catalogue: Catalogue, name: str) -> Figure:
    """Return the cost of the chosen fleet with a delivery network for the media."""
    network = catalogue.deliveries[name]
    sent = priced(
        "delivery_cost",
        chosen.transfer.need.named("delivered_bytes"),
        network.price,
        str(network.source),
    )
    return total("with_delivery", fixed(chosen.fleet), sent)


def _deliveries(catalogue: Catalogue, chosen: Prediction) -> Iterator[Offer]:
    # The delivery network carries what the network of the fleet cannot.
    others = [c.verdict for c in chosen.checks if c.name not in {"live", "transfer"}]
    verdict = Verdict.FAILS if Verdict.FAILS in others else Verdict.HOLDS
    for name, network in catalogue.deliveries.items():
        usd = delivered(chosen, catalogue, name)
        rent = chosen.cost.fixed.value
        yield Offer("delivery", name, network.name, usd, rent, verdict, str(network.source))


def _managed(catalogue: Catalogue, chosen: Prediction) -> Iterator[Offer]:
    demand = chosen.demand
    watched = chosen.transfer.viewer_hours
    minutes = given("minutes", 60, Quantity.FACTOR, "constant")
    thousand = given("thousandth", 1 / 1000, Quantity.FACTOR, "constant")
    files = demand.files * (demand.file / demand.top.over(SECONDS_PER_HOUR))
    kept_months = max(1.0, demand.keep_days / DAYS)
    stored_hours = demand.hours * demand.channels * kept_months + files
    for name, service in catalogue.managed.items():
        source = str(service.source)
        usd = total(
            "managed_cost",
            product(
                "managed_delivered",
                Quantity.USD,
                watched,
                given("with_replays", 1 + demand.replays, Quantity.FACTOR, "demand"),
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


def machine_entries(found: Fleet) -> list[dict[str, object]]:
    """Return the machines of a fleet as JSON objects."""
    return [
        {
            "name": machine.name,
            "server": machine.server.id,
            "title": machine.server.name,
            "monthly_usd": machine.server.monthly_usd,
            "vcpu": machine.server.vcpu,
            "memory_bytes": round(machine.server.memory.bytes),
            "disk_bytes": round(machine.server.disk.bytes),
            "transfer_bytes": round(machine.server.transfer.bytes),
            "network_bps": round(machine.server.network.bits_per_second),
            "roles": [role.value for role in MachineRole if role in machine.roles],
            "source": str(machine.server.source),
        }
        for machine in found.machines
    ]
