"""A shape with its servers looked up: what is rented, and who does what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from madang.base.units import DataSize
from madang.plan.catalogue import Catalogue, MachineRole, Provider, Server, Shape
from madang.plan.errors import DemandError
from madang.plan.labels import one_of, whole_number

MAX_EDGES: Final = 50
"""Beyond this, somebody needs a delivery network rather than edges of their own."""

ALL_ROLES: Final = frozenset(
    {MachineRole.WEB, MachineRole.DATA, MachineRole.LIVE, MachineRole.CHAT, MachineRole.WORKER}
)


@dataclass(frozen=True, slots=True)
class RentedMachine:
    """A rented machine."""

    name: str
    server: Server
    roles: frozenset[MachineRole]

    @property
    def delivers(self) -> bool:
        """Whether viewers get their picture from here."""
        return bool(self.roles & {MachineRole.LIVE, MachineRole.EDGE})


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a station runs on. `people` is what the plan rates it for, None where nobody has."""

    name: str
    provider: Provider
    places: tuple[RentedMachine, ...]
    block: DataSize
    object: DataSize
    people: int | None
    edges: int
    source: str

    @property
    def delivering(self) -> tuple[RentedMachine, ...]:
        """The machines that share the viewers evenly."""
        return tuple(place for place in self.places if place.delivers)

    def place(self, role: MachineRole) -> RentedMachine:
        """The one machine with a role that only one can have."""
        return next(place for place in self.places if role in place.roles)


def fleet(catalogue: Catalogue, shape: str, edges: int = 1) -> Fleet:
    """The fleet of a shape, with `edges` edges where it has any. Raises DemandError."""
    if (found := catalogue.shapes.get(shape)) is None:
        raise DemandError.of("shape", shape, one_of(catalogue.shapes))
    if not 1 <= edges <= MAX_EDGES:
        raise DemandError.of("edges", edges, whole_number(1, MAX_EDGES))
    if edges > 1 and not found.may_grow:
        raise DemandError(
            f"edges is {edges}: the shape {shape} has none, expected 1.",
            f"{shape} 구성에는 엣지가 없습니다. edges에는 1을 적어 주세요.",
        )
    places = [
        RentedMachine(machine.name, catalogue.servers[machine.server], machine.roles)
        for machine in found.machines
    ]
    edge = next((place for place in places if MachineRole.EDGE in place.roles), None)
    if edge is not None:
        places += [
            RentedMachine(f"{edge.name} {n}", edge.server, edge.roles) for n in range(2, edges + 1)
        ]
    return Fleet(
        name=shape if edges == 1 else f"{shape}, {edges} edges",
        provider=catalogue.providers[places[0].server.provider],
        places=tuple(places),
        block=found.block,
        object=found.object,
        people=_rated(found, edges),
        edges=edges if edge is not None else 0,
        source=str(found.source),
    )


def _rated(shape: Shape, edges: int) -> int | None:
    return None if shape.people is None else shape.people + shape.per_edge * (edges - 1)


def one_machine(catalogue: Catalogue, server: Server, block: DataSize) -> Fleet:
    """Everything on one server that is not part of a shape, with block storage beside it."""
    return Fleet(
        name=server.id,
        provider=catalogue.providers[server.provider],
        places=(RentedMachine("all", server, ALL_ROLES),),
        block=block,
        object=DataSize(0),
        people=None,
        edges=0,
        source=str(server.source),
    )
