"""Which machine does what, on which port. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from madang.ops.deploy.model.station_file import Host, Station

ROLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "minimal": {"main": ("all",)},
    "single": {"main": ("web", "live", "chat", "worker")},
    "split": {"web": ("web",), "media": ("live", "chat", "worker")},
}
"""Roles of `madang serve` by shape and machine."""

DATA_MACHINE: Final = {"single": "main", "split": "web"}
"""Where PostgreSQL and Redis run; `minimal` is one process, and has SQLite and memory."""

PORTS: Final = {"all": 8000, "web": 8000, "live": 8001, "chat": 8002}
"""HTTP of each role; a worker has none. Only nginx, here or on the private network, reaches it."""

RTMP_PORT: Final = 1935
RTMPS_PORT: Final = 1936
POSTGRESQL_PORT: Final = 5432
REDIS_PORT: Final = 6379
NETDATA_PORT: Final = 19999

USER: Final = "madang"
DATA: Final = "/var/lib/madang"
PROGRAM: Final = "/opt/madang"
STATIC_FILES: Final = f"{PROGRAM}/static"
"""Built files of all releases on the machine: a page of the one before still finds its own."""
SETTINGS: Final = "/etc/madang"
TOOLS: Final = "/usr/local/lib/madang"
VOLUME: Final = "/srv/madang"
"""Where the block volume is mounted."""


@dataclass(frozen=True, slots=True)
class StationMachine:
    """One machine of the station, and what it is there for."""

    name: str
    host: Host
    roles: tuple[str, ...]
    has_data: bool
    """Whether PostgreSQL and Redis run here."""

    @property
    def units(self) -> tuple[str, ...]:
        """The station's services here, in the order in which they start."""
        return tuple(unit_name(role) for role in self.roles)

    @property
    def faces_the_web(self) -> bool:
        """Whether browsers come here: nginx and the certificate."""
        return bool({"all", "web"} & set(self.roles))

    @property
    def takes_encoders(self) -> bool:
        """Whether RTMP comes in here."""
        return bool({"all", "live"} & set(self.roles))

    @property
    def has_chat(self) -> bool:
        """Whether the chats are carried here."""
        return bool({"all", "chat"} & set(self.roles))

    @property
    def migrates(self) -> bool:
        """Whether tables are changed from here, before any role of a new release starts."""
        return self.has_data or "all" in self.roles

    def inner_address(self, other: StationMachine) -> str:
        """How `other` reaches this machine without the world looking on."""
        if other.name == self.name:
            return "127.0.0.1"
        assert self.host.private_address is not None
        return self.host.private_address

    @property
    def listen_address(self) -> str:
        """Where services that another machine of the station needs listen, beside loopback."""
        return self.host.private_address or "127.0.0.1"

    def http_address(self, role: str) -> str:
        """HOST:PORT at which nginx, here or on another machine, finds a role."""
        host = "127.0.0.1" if self.faces_the_web else self.listen_address
        return f"[{host}]:{PORTS[role]}" if ":" in host else f"{host}:{PORTS[role]}"


def unit_name(role: str) -> str:
    """The systemd service of a role."""
    return "madang.service" if role == "all" else f"madang-{role}.service"


def machines(station: Station) -> tuple[StationMachine, ...]:
    """The station's machines; the one with the data is first, as the others need it."""
    data = DATA_MACHINE.get(station.shape)
    return tuple(
        StationMachine(name, station.hosts[name], roles, name == data)
        for name, roles in ROLES[station.shape].items()
    )


def with_role(station: Station, role: str) -> StationMachine:
    """The machine on which `role` runs, alone or within `all`."""
    return next(machine for machine in machines(station) if {role, "all"} & set(machine.roles))
