"""Machines, roles, ports and paths by shape. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from madang.ops.deploy.model.station_file import Host, Station

ROLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "minimal": {"main": ("all",)},
    "single": {"main": ("web", "files", "live", "chat", "worker")},
    "split": {"web": ("web",), "media": ("files", "live", "chat", "worker")},
}
"""Roles of `madang serve` by shape and machine, in the order in which they change their release:
readers of recordings before `live`, which writes them."""

DATA_MACHINE: Final = {"single": "main", "split": "web"}
"""Machine with PostgreSQL and Redis; `minimal` has SQLite and memory."""

PORTS: Final = {"all": 8000, "web": 8000, "live": 8001, "chat": 8002, "files": 8003}
"""HTTP port of each role, reached only by nginx, here or over the private network."""

RTMP_PORT: Final = 1935
RTMPS_PORT: Final = 1936
POSTGRESQL_PORT: Final = 5432
REDIS_PORT: Final = 6379
NETDATA_PORT: Final = 19999

USER: Final = "madang"
DATA: Final = "/var/lib/madang"
PROGRAM: Final = "/opt/madang"
STATIC_FILES: Final = f"{PROGRAM}/static"
"""Static files of all releases on the machine, so that an older page still finds its own."""
SETTINGS: Final = "/etc/madang"
TOOLS: Final = "/usr/local/lib/madang"
VOLUME: Final = "/srv/madang"
"""Folder of the media folder; mount point of the block volume, if there is one."""
MEDIA: Final = f"{VOLUME}/media"
"""Recordings and uploads. Outside of DATA, which is closed to nginx."""
INTERNAL_PREFIX: Final = "/internal-media/"
"""Paths by which nginx, where it is on the same machine, is told to send files of MEDIA."""


@dataclass(frozen=True, slots=True)
class StationMachine:
    """One machine of the station and its roles."""

    name: str
    host: Host
    roles: tuple[str, ...]
    has_database: bool
    """True if PostgreSQL and Redis run here."""

    @property
    def units(self) -> tuple[str, ...]:
        """The station's services in order of their start."""
        return tuple(unit_name(role) for role in self.roles)

    @property
    def main_role(self) -> str:
        """Role whose release runs commands. Releases from before the role files can be rolled back
        to."""
        return next(role for role in self.roles if role != "files")

    @property
    def stores_media(self) -> bool:
        """True if recordings and uploads are here."""
        return bool({"all", "files"} & set(self.roles))

    @property
    def sends_media(self) -> bool:
        """True if nginx sends recordings itself."""
        return self.serves_web and self.stores_media

    @property
    def serves_web(self) -> bool:
        """True if browsers connect here: nginx and the certificate."""
        return bool({"all", "web"} & set(self.roles))

    @property
    def accepts_rtmp(self) -> bool:
        """True if encoders connect here."""
        return bool({"all", "live"} & set(self.roles))

    @property
    def has_chat(self) -> bool:
        """True if the role chat runs here."""
        return bool({"all", "chat"} & set(self.roles))

    @property
    def runs_migrations(self) -> bool:
        """True if migrations run here, before any role starts on a new release."""
        return self.has_database or "all" in self.roles

    def address_for(self, other: StationMachine) -> str:
        """Return the address of this machine for `other`, off the public network."""
        if other.name == self.name:
            return "127.0.0.1"
        assert self.host.private_address is not None
        return self.host.private_address

    @property
    def listen_address(self) -> str:
        """Address besides loopback of services that other machines of the station use."""
        return self.host.private_address or "127.0.0.1"

    def http_address(self, role: str) -> str:
        """HOST:PORT of a role for nginx, here or on another machine."""
        host = "127.0.0.1" if self.serves_web else self.listen_address
        return f"[{host}]:{PORTS[role]}" if ":" in host else f"{host}:{PORTS[role]}"


def unit_name(role: str) -> str:
    """Return the systemd service of a role."""
    return "madang.service" if role == "all" else f"madang-{role}.service"


def machines(station: Station) -> tuple[StationMachine, ...]:
    """Return the station's machines, the one with the database first."""
    data = DATA_MACHINE.get(station.shape)
    return tuple(
        StationMachine(name, station.hosts[name], roles, name == data)
        for name, roles in ROLES[station.shape].items()
    )


def with_role(station: Station, role: str) -> StationMachine:
    """Return the machine that runs `role`, alone or within `all`."""
    return next(machine for machine in machines(station) if {role, "all"} & set(machine.roles))
