"""The station's settings file and systemd units."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from madang.ops.deploy.model.layout import (
    DATA,
    DATA_MACHINE,
    INTERNAL_PREFIX,
    MEDIA,
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
from madang.ops.deploy.texts import HEADER, SANDBOX

TLS: Final = f"{SETTINGS}/tls"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Secrets shared by the machines of one station, hexadecimal."""

    database: str
    redis: str
    session: str
    backup: str
    """Password of every backup. Never changed: older backups would be lost."""


DATA_UNITS: Final = ("postgresql.service", "redis-server.service")

CPU_WEIGHTS: Final = {
    "all": 500,
    "live": 1000,
    "chat": 400,
    "web": 200,
    "files": 100,
    "worker": 20,
}
"""CPU and I/O weights: live media before chat, chat before pages, pages before recordings and
uploads, these before jobs."""

OOM_SCORE_ADJUST: Final = {
    "all": -500,
    "live": -500,
    "chat": -250,
    "web": 0,
    "files": 250,
    "worker": 500,
}
"""OOMScoreAdjust: the order in which the kernel kills when memory runs out."""

OPEN_FILES: Final = 65536
"""Limit of open files: a viewer of a live show has two or three connections."""


def settings(
    station: Station, machine: StationMachine, secrets: Secrets, backup: Mapping[str, object]
) -> str:
    """madang.toml of `machine` with its section `backup`; secret where it has a database
    password."""
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
    rtmp_host = station.domain if live.name == web.name else live.host.address
    tables["rtmp"] = {"public_url": f"rtmp://{rtmp_host}:{RTMP_PORT}"}
    if machine.accepts_rtmp:
        tables["rtmp"]["bind"] = f"[::]:{RTMP_PORT}"
        if machine.serves_web:
            tables["rtmp"] |= {
                "public_url": f"rtmps://{rtmp_host}:{RTMPS_PORT}",
                "tls_bind": f"[::]:{RTMPS_PORT}",
                "tls_certificate": f"{TLS}/fullchain.pem",
                "tls_key": f"{TLS}/privkey.pem",
            }
    if machine.stores_media:
        tables["storage"] = {"url": f"file://{MEDIA}"}
    if machine.sends_media:
        tables["storage"]["internal_prefix"] = INTERNAL_PREFIX
    if backup:
        tables["backup"] = dict(backup)
    if station.mail is not None:
        tables["mail"] = {"url": station.mail.url, "from": station.mail.sender}
    if station.shape in DATA_MACHINE:
        data = next(one for one in machines(station) if one.has_database)
        at = data.address_for(machine)
        tables["database"] = {
            "url": f"postgresql://{USER}:{secrets.database}@{at}:{POSTGRESQL_PORT}/{USER}"
        }
        tables["redis"] = {"url": f"redis://:{secrets.redis}@{at}:{REDIS_PORT}/0"}
    return HEADER + "".join(
        f"\n[{name}]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )


def sockets(machine: StationMachine, role: str) -> dict[str, str]:
    """Socket units, which stay open while the service restarts so that connections wait.

    `machine` is the one that runs `role`. Text by unit name; HTTP is first.
    """
    service, stem = unit_name(role), unit_name(role).removesuffix(".service")
    found: dict[str, tuple[str, str]] = {}
    if role in PORTS:
        found[f"{stem}.socket"] = ("http", machine.http_address(role))
    if role in {"all", "live"}:
        found[f"{stem}-rtmp.socket"] = ("rtmp", f"[::]:{RTMP_PORT}")
        if machine.serves_web:
            found[f"{stem}-rtmps.socket"] = ("rtmps", f"[::]:{RTMPS_PORT}")
    return {
        name: f"""{HEADER}
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
        for name, (kind, address) in found.items()
    }


def reads_certificate(machine: StationMachine, role: str) -> bool:
    """Return true if `role` on `machine` accepts RTMPS."""
    return role in {"all", "live"} and machine.serves_web


def units(machine: StationMachine, role: str, *, with_database: bool) -> dict[str, str]:
    """systemd units of `role` by name, its service first; `with_database` if PostgreSQL and Redis
    run on the same machine."""
    socket_units = sockets(machine, role)
    names = " ".join(socket_units)
    wanted = f"Requires={names}\n" if socket_units else ""
    handed = f"Sockets={names}\n" if socket_units else ""
    where = f" --http {machine.http_address(role)}" if role in PORTS else ""
    # A reload reads the certificate again and keeps all connections.
    reload = "ExecReload=/bin/kill -HUP $MAINPID\n" if reads_certificate(machine, role) else ""
    after = " ".join(("network-online.target", *socket_units, *DATA_UNITS * with_database))
    paths = " ".join((DATA, f"-{VOLUME}"))
    home = f"{PROGRAM}/roles/{role}"
    text = f"""{HEADER}
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
CPUWeight={CPU_WEIGHTS[role]}
IOWeight={CPU_WEIGHTS[role]}
OOMScoreAdjust={OOM_SCORE_ADJUST[role]}
LimitNOFILE={OPEN_FILES}

ReadWritePaths={paths}
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
{SANDBOX}
[Install]
WantedBy=multi-user.target
"""
    return {unit_name(role): text, **socket_units}


def slice_unit() -> str:
    """The slice shared by the station's services."""
    return f"""{HEADER}
[Unit]
Description=Madang's services

[Slice]
CPUWeight=500
IOWeight=500
"""


def _toml(value: object) -> str:
    # A JSON string without escapes of its own is a TOML basic string; so are lists of them.
    return json.dumps(value, ensure_ascii=False)
