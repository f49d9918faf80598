"""Catalogue of offers: servers, storage, delivery networks, managed services, and shapes of a
station. Prices are list prices in US dollars a month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from madang.base.units import DataRate, DataSize


class Accrual(StrEnum):
    """Schedule on which a month's transfer allowance becomes usable."""

    MONTHLY = "monthly"
    """The whole allowance on the first day."""

    HOURLY = "hourly"
    """A 672nd for every hour that the server exists: whole after 28 days."""


class Counted(StrEnum):
    """Direction of transfer that counts against the allowance."""

    OUT = "out"
    BOTH = "both"


class MachineRole(StrEnum):
    """Role of a machine in a shape."""

    WEB = "web"
    DATA = "data"
    LIVE = "live"
    CHAT = "chat"
    WORKER = "worker"
    EDGE = "edge"


@dataclass(frozen=True, slots=True)
class Source:
    """Origin and date of a price."""

    text: str
    date: str
    korean: str = ""

    def __str__(self) -> str:
        return f"{self.text}, {self.date}"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per `unit`, which is 10**9 or 2**30 bytes as the provider bills."""

    usd: float
    unit: DataSize

    @property
    def per(self) -> str:
        """Name of the unit."""
        return "GB" if self.unit == DataSize.gigabytes(1) else "GiB"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's rules of transfer, and prices of storage a month.

    `free` is an allowance of the account beside those of its servers; `pooled` means that all
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
    """A server offer. `memory` is binary and `disk` decimal, as they are sold."""

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
    """A content delivery network, priced by volume."""

    id: str
    name: str
    price: Price
    source: Source


@dataclass(frozen=True, slots=True)
class Managed:
    """A managed video service; prices are per 1,000 minutes, watched or stored a month."""

    id: str
    name: str
    delivered_usd: float
    stored_usd: float
    source: Source


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine of a shape, with its roles."""

    name: str
    server: str
    roles: frozenset[MachineRole]


@dataclass(frozen=True, slots=True)
class Shape:
    """Machines and storage of a station.

    `people` is the plan's rating regardless of capacity (None: unrated); `per_edge` is the rating
    of each further edge. Only a shape with an edge may get more.
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
        """True if edges can be added."""
        return any(MachineRole.EDGE in machine.roles for machine in self.machines)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries, by identifier."""

    providers: Mapping[str, Provider]
    servers: Mapping[str, Server]
    deliveries: Mapping[str, Delivery]
    managed: Mapping[str, Managed]
    shapes: Mapping[str, Shape]

    def korean_sources(self) -> dict[str, str]:
        """Return Korean names of sources, by the text used in figures."""
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
