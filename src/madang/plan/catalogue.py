"""What there is to buy: servers, storage, delivery networks, managed services, and the shapes that
a station can have on them. Prices are list prices in US dollars a month: check before buying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from madang.base.units import DataRate, DataSize


class Accrual(StrEnum):
    """When a month's transfer allowance becomes usable."""

    MONTHLY = "monthly"
    """All of it on the first day."""

    HOURLY = "hourly"
    """A 672nd of it with every hour that the server exists, so that it is whole after 28 days."""


class Counted(StrEnum):
    """Which direction of transfer uses up the allowance."""

    OUT = "out"
    BOTH = "both"


class MachineRole(StrEnum):
    """What runs on a machine of a shape."""

    WEB = "web"
    DATA = "data"
    LIVE = "live"
    CHAT = "chat"
    WORKER = "worker"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a price was read, and when. It may have changed since."""

    words: str
    date: str
    korean: str = ""

    def __str__(self) -> str:
        return f"{self.words}, {self.date}"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for each `unit`, which is 10**9 bytes or 2**30 as the provider bills."""

    usd: float
    unit: DataSize

    @property
    def per(self) -> str:
        """The unit's name."""
        return "GB" if self.unit == DataSize.gigabytes(1) else "GiB"

    def of(self, size: DataSize) -> float:
        """US dollars for `size`."""
        return self.usd * (size / self.unit)


@dataclass(frozen=True, slots=True)
class Provider:
    """How somebody who rents servers out counts transfer, and what storage costs a month.

    `free` is an allowance of the account, beside those of its servers; `pooled` says whether all
    servers share theirs.
    """

    id: str
    name: str
    region: str
    accrual: Accrual
    counted: Counted
    pooled: bool
    free: DataSize
    overage: Price
    block: Price
    object: Price
    source: Source


@dataclass(frozen=True, slots=True)
class Server:
    """A machine for rent. `memory` is binary and `disk` decimal, as they are sold."""

    id: str
    provider: str
    name: str
    vcpu: int
    memory: DataSize
    disk: DataSize
    monthly_usd: float
    transfer: DataSize
    network: DataRate
    source: Source


@dataclass(frozen=True, slots=True)
class Delivery:
    """A content delivery network, by what it sends."""

    id: str
    name: str
    price: Price
    source: Source


@dataclass(frozen=True, slots=True)
class Managed:
    """A video service that does it all; prices are for 1,000 minutes, watched or kept a month."""

    id: str
    name: str
    delivered_usd: float
    stored_usd: float
    source: Source


@dataclass(frozen=True, slots=True)
class Machine:
    """A place in a shape, and what runs there."""

    name: str
    server: str
    roles: frozenset[MachineRole]


@dataclass(frozen=True, slots=True)
class Shape:
    """Machines and storage that make a station.

    `people` is what the plan rates the shape for, whatever its parts could carry (None: not
    rated); `per_edge` what each further edge adds to that. Only a shape with an edge may get more.
    """

    id: str
    machines: tuple[Machine, ...]
    block: DataSize
    object: DataSize
    people: int | None
    per_edge: int
    source: Source

    @property
    def may_grow(self) -> bool:
        """Whether edges can be added."""
        return any(MachineRole.EDGE in machine.roles for machine in self.machines)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything, by identifier."""

    providers: Mapping[str, Provider]
    servers: Mapping[str, Server]
    deliveries: Mapping[str, Delivery]
    managed: Mapping[str, Managed]
    shapes: Mapping[str, Shape]

    def korean_sources(self) -> dict[str, str]:
        """What a source is called in Korean, by what it is called in figures."""
        entries: tuple[Provider | Server | Delivery | Managed | Shape, ...] = (
            *self.providers.values(),
            *self.servers.values(),
            *self.deliveries.values(),
            *self.managed.values(),
            *self.shapes.values(),
        )
        return {
            str(entry.source): f"{entry.source.korean}, {entry.source.date}"
            for entry in entries
            if entry.source.korean
        }
