"""Fleet: a shape with its servers looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from madang.base.units import DataSize
from madang.plan.catalogue import Catalogue, MachineRole, Provider, Server, Shape
from madang.plan.errors import DemandError
from madang.plan.labels import one_of, whole_number

MAX_EDGES: Final = 50
"""Most edges; larger audiences need a delivery network."""

ALL_ROLES: Final = frozenset(
    {MachineRole.WEB, MachineRole.DATA, MachineRole.LIVE, MachineRole.CHAT, MachineRole.WORKER}
)


@dataclass(frozen=True, slots=True)
class RentedMachine:
    """A rented machine with its roles."""

    name: str
    server: Server
    roles: frozenset[MachineRole]

    @property
    def delivers(self) -> bool:
        """True if viewers receive media from this machine."""
        return bool(self.roles & {MachineRole.LIVE, MachineRole.EDGE})


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines and storage of a station. `people` is the plan's rating, None if unrated."""

    name: str
    provider: Provider
    machines: tuple[RentedMachine, ...]
    block: DataSize
    object: DataSize
    people: int | None
    edges: int
    source: str

    @property
    def delivering(self) -> tuple[RentedMachine, ...]:
        """Machines that share the viewers evenly."""
        return tuple(machine for machine in self.machines if machine.delivers)

    def machine(self, role: MachineRole) -> RentedMachine:
        """Return the machine that has a unique role."""
        return next(machine for machine in self.machines if role in machine.roles)


def build_fleet(catalogue: Catalogue, shape: str, edges: int = 1) -> Fleet:
    """Return the fleet of a shape, with `edges` edges if it has any. Raises DemandError."""
    if (found := catalogue.shapes.get(shape)) is None:
        raise DemandError.of("shape", shape, one_of(catalogue.shapes))
    if not 1 <= edges <= MAX_EDGES:
        raise DemandError.of("edges", edges, whole_number(1, MAX_EDGES))
    if edges > 1 and not found.may_grow:
        raise DemandError(
            f"edges is {edges}: the shape {shape} has none, expected 1.",
            f"{shape} 구성에는 엣지가 없습니다. edges에는 1을 적어 주세요.",
        )
    machines = [
        RentedMachine(machine.name, catalogue.servers[machine.server], machine.roles)
        for machine in found.machines
    ]
    edge = next((machine for machine in machines if MachineRole.EDGE in machine.roles), None)
    if edge is not None:
        machines += [
            RentedMachine(f"{edge.name} {n}", edge.server, edge.roles) for n in range(2, edges + 1)
        ]
    return Fleet(
        name=shape if edges == 1 else f"{shape}, {edges} edges",
        provider=catalogue.providers[machines[0].server.provider],
        machines=tuple(machines),
        block=found.block,
        object=found.object,
        people=_rated(found, edges),
        edges=edges if edge is not None else 0,
        source=str(found.source),
    )


def _rated(shape: Shape, edges: int) -> int | None:
    return None if shape.people is None else shape.people + shape.per_edge * (edges - 1)


def one_machine(catalogue: Catalogue, server: Server, block: DataSize) -> Fleet:
    """Return a fleet of one server with all roles, with block storage beside it."""
    return Fleet(
        name=server.id,
        provider=catalogue.providers[server.provider],
        machines=(RentedMachine("all", server, ALL_ROLES),),
        block=block,
        object=DataSize(0),
        people=None,
        edges=0,
        source=str(server.source),
    )
