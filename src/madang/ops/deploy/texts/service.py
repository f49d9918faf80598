"""The station's own settings file and systemd units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from madang.ops.deploy.model.layout import (
    DATA,
    DATA_MACHINE,
    PORTS,
    POSTGRESQL_PORT,
    PROGRAM,
    REDIS_PORT,
    RTMP_PORT,
    RTMPS_PORT,
    SETTINGS,
    USER,
    VOLUME,
    StationMachine,
    machines,
    unit_name,
    with_role,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import MADE_BY, SANDBOX

TLS: Final = f"{SETTINGS}/tls"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the machines of one station know and nobody else: hexadecimal texts."""

    database: str
    redis: str
    session: str
    backup: str
    """Opens every copy of the station. Never changed: what was made with another is lost."""


DATA_UNITS: Final = ("postgresql.service", "redis-server.service")

WEIGHTS: Final = {"all": 500, "live": 1000, "chat": 400, "web": 200, "worker": 20}
"""Shares of a busy CPU and disk: a viewer's picture comes before what is said about it, that before
a page, and a page before a job."""

LAST_KILLED: Final = {"all": -500, "live": -500, "chat": -250, "web": 0, "worker": 500}
"""OOMScoreAdjust: who has to go first where memory runs out."""

FILES: Final = 65536
"""Open files: a viewer of a live show holds two or three connections."""


def settings(
    station: Station, machine: StationMachine, secrets: Secrets, backup: Mapping[str, object]
) -> str:
    """madang.toml of `machine`, with its section `backup`.

    Secret where there is a database password in it.
    """
    web, live = with_role(station, "web"), with_role(station, "live")
    trusted = ["127.0.0.1"]
    if web.host.private_address and len(machines(station)) > 1:
        trusted.append(web.host.private_address)
    tables: dict[str, dict[str, object]] = {
        "http": {"public_url": f"https://{station.domain}", "trusted_proxies": trusted},
        "station": {
            "name": station.name,
            "language": station.language,
            "time_zone": station.time_zone,
        },
        "budget": {"transfer_tb": station.budget.transfer_tb},
    }
    if station.budget.monthly_usd is not None:
        tables["budget"]["monthly_usd"] = station.budget.monthly_usd
    door = station.domain if live.name == web.name else live.host.address
    tables["rtmp"] = {"public_url": f"rtmp://{door}:{RTMP_PORT}"}
    if machine.takes_encoders:
        tables["rtmp"]["bind"] = f"[::]:{RTMP_PORT}"
        if machine.faces_the_web:
            tables["rtmp"] |= {
                "public_url": f"rtmps://{door}:{RTMPS_PORT}",
                "tls_bind": f"[::]:{RTMPS_PORT}",
                "tls_certificate": f"{TLS}/fullchain.pem",
                "tls_key": f"{TLS}/privkey.pem",
            }
    if station.volume is not None and live.name == machine.name:
        tables["storage"] = {"url": f"file://{VOLUME}/media"}
    if backup:
        tables["backup"] = dict(backup)
    if station.shape in DATA_MACHINE:
        data = next(one for one in machines(station) if one.has_data)
        at = data.inner_address(machine)
        tables["database"] = {
            "url": f"postgresql://{USER}:{secrets.database}@{at}:{POSTGRESQL_PORT}/{USER}"
        }
        tables["redis"] = {"url": f"redis://:{secrets.redis}@{at}:{REDIS_PORT}/0"}
    return MADE_BY + "".join(
        f"\n[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def sockets(machine: StationMachine, role: str) -> dict[str, str]:
    """Sockets that systemd holds open while the service restarts: whoever comes meanwhile waits.

    `machine` is where `role` runs. Text by unit name; the first is that of HTTP.
    """
    service, stem = unit_name(role), unit_name(role).removesuffix(".service")
    doors: dict[str, tuple[str, str]] = {}
    if role in PORTS:
        doors[f"{stem}.socket"] = ("http", machine.http_address(role))
    if role in {"all", "live"}:
        doors[f"{stem}-rtmp.socket"] = ("rtmp", f"[::]:{RTMP_PORT}")
        if machine.faces_the_web:
            doors[f"{stem}-rtmps.socket"] = ("rtmps", f"[::]:{RTMPS_PORT}")
    return {
        name: f"""{MADE_BY}
[Unit]
Description=Madang, {kind} of {service}

[Socket]
ListenStream={address}
FileDescriptorName={kind}
Service={service}
Backlog=4096
NoDelay=yes
# [::] takes IPv4 as well.
BindIPv6Only=both
# The private network may come up after us.
FreeBind=yes

[Install]
WantedBy=sockets.target
"""
        for name, (kind, address) in doors.items()
    }


def reads_certificate(machine: StationMachine, role: str) -> bool:
    """Whether `role` on `machine` takes encoders in through TLS by itself."""
    return role in {"all", "live"} and machine.faces_the_web


def units(machine: StationMachine, role: str, *, data_here: bool) -> dict[str, str]:
    """The systemd units of `role` by name, its service first; `data_here` where PostgreSQL and
    Redis are its neighbours."""
    doors = sockets(machine, role)
    names = " ".join(doors)
    wanted = f"Requires={names}\n" if doors else ""
    handed = f"Sockets={names}\n" if doors else ""
    where = f" --http {machine.http_address(role)}" if role in PORTS else ""
    # With a certificate of its own (RTMPS) it reads that anew, and lets go of nobody.
    reload = "ExecReload=/bin/kill -HUP $MAINPID\n" if reads_certificate(machine, role) else ""
    after = " ".join(("network-online.target", *doors, *DATA_UNITS * data_here))
    paths = " ".join((DATA, f"-{VOLUME}"))
    home = f"{PROGRAM}/roles/{role}"
    text = f"""{MADE_BY}
[Unit]
Description=Madang, {"the whole station" if role == "all" else f"role {role}"}
After={after}
Wants=network-online.target
{wanted}StartLimitIntervalSec=0
ConditionPathExists={home}/venv

[Service]
Type=notify
User={USER}
Group={USER}
ExecStart={home}/venv/bin/madang serve --role {role} --data {DATA} \
--config {home}/madang.toml{where}
{reload}{handed}Environment=PYTHONUNBUFFERED=1
WatchdogSec=30
TimeoutStartSec=90
TimeoutStopSec=15
KillMode=mixed
Restart=always
RestartSec=1
Slice=madang.slice
CPUWeight={WEIGHTS[role]}
IOWeight={WEIGHTS[role]}
OOMScoreAdjust={LAST_KILLED[role]}
LimitNOFILE={FILES}

ReadWritePaths={paths}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
{SANDBOX}
[Install]
WantedBy=multi-user.target
"""
    return {unit_name(role): text, **doors}


def slice_unit() -> str:
    """The slice that all of the station's services share against the rest of the machine."""
    return f"""{MADE_BY}
[Unit]
Description=Madang's services

[Slice]
CPUWeight=500
IOWeight=500
"""


def _toml(value: object) -> str:
    # A JSON string without escapes of its own is a TOML basic string, and so are these lists.
    return json.dumps(value, ensure_ascii=False)
