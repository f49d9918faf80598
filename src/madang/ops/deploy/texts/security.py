"""SSH, firewall and Fail2ban."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import (
    PORTS,
    POSTGRESQL_PORT,
    REDIS_PORT,
    RTMP_PORT,
    RTMPS_PORT,
    StationMachine,
    machines,
    unit_name,
)
from madang.ops.deploy.model.station_file import Administrator, Station
from madang.ops.deploy.texts import HEADER
from madang.ops.deploy.texts.nginx_limits import PROBES_LOG

SSHD: Final = f"""{HEADER}PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PubkeyAuthentication yes
MaxAuthTries 4
LoginGraceTime 30
X11Forwarding no
AllowAgentForwarding no
# A connection that died lets go of the deployment's lock within a minute.
ClientAliveInterval 15
ClientAliveCountMax 4
"""

BAN_SECONDS: Final = 600
"""A longer ban would hit the next user of an address."""

SSH_BAN_SECONDS: Final = 3600
"""Each repetition doubles it."""

MAX_PROBES: Final = 20
MAX_BAD_HANDSHAKES: Final = 30
"""Within ten minutes."""


def authorized_keys(person: Administrator) -> str:
    """authorized_keys of `person`."""
    return HEADER + "".join(f"{key}\n" for key in person.ssh_keys)


def sudoers(person: Administrator) -> str:
    """sudo without a password, as administrators have keys and no passwords."""
    return f"{HEADER}{person.name} ALL=(ALL:ALL) NOPASSWD: ALL\n"


def firewall(station: Station, machine: StationMachine) -> tuple[str, ...]:
    """Rules as printed by `ufw show added`; other incoming traffic is denied."""
    sources = [address for person in station.administrators for address in person.addresses]
    everybody_named = all(person.addresses for person in station.administrators)
    port = machine.host.port
    rules: list[str] = []
    if everybody_named:
        rules += [f"allow from {source} to any port {port} proto tcp" for source in sources]
    else:
        rules.append(f"allow {port}/tcp")
    if machine.serves_web:
        rules += ["allow 80/tcp", "allow 443/tcp"]
    if machine.accepts_rtmp:
        rules.append(f"allow {RTMP_PORT}/tcp")
        if machine.serves_web:
            rules.append(f"allow {RTMPS_PORT}/tcp")
    for other in machines(station):
        if other.name != machine.name:
            ports = [PORTS[role] for role in machine.roles if role in PORTS]
            ports = [] if machine.serves_web else ports
            if machine.has_database:
                ports += [POSTGRESQL_PORT, REDIS_PORT]
            rules += [
                f"allow from {other.host.private_address} to any port {number} proto tcp"
                for number in ports
            ]
    return tuple(dict.fromkeys(rules))


BAN_ACTION: Final = f"""{HEADER}# New connections alone: who watches behind the same
# address goes on watching.
[INCLUDES]
before = nftables.conf

[Definition]
type = multiport

[Init]
blocktype = ct state new reject
"""

FILTER_PROBES: Final = f"""{HEADER}# nginx writes this log only for requests that
# no client of the station makes: paths of other software, and bytes that are no HTTP.
[Definition]
failregex = ^<HOST> \\[[^\\]]*\\] "
ignoreregex =
"""

FILTER_RTMP: Final = f"""{HEADER}# Bytes that are no handshake of RTMP. Wrong stream
# keys, browsers and TLS at the wrong port and odd streams are not here: honest people and
# encoders try for hours.
[Definition]
failregex = \\] rtmp <HOST>: no RTMP handshake:
ignoreregex =
"""

OLD_FILES: Final = tuple(
    f"/etc/fail2ban/filter.d/madang-{name}.local" for name in ("sign-in", "keys", "chat")
)
"""Filters of earlier versions, which shut out honest people."""


def jail_names(machine: StationMachine) -> frozenset[str]:
    """Return the jails that a machine has."""
    names = {"sshd"}
    names |= {"madang-probes"} if machine.serves_web else set()
    names |= {"madang-rtmp"} if machine.accepts_rtmp else set()
    return frozenset(names)


def jails(station: Station, machine: StationMachine) -> str:
    """Fail2ban's jails: only what no honest client does, each for its own ports."""
    ignored = ["127.0.0.1/8", "::1"]
    ignored += [
        other.host.private_address for other in machines(station) if other.host.private_address
    ]
    ignored += [address for person in station.administrators for address in person.addresses]
    text = f"""{HEADER}[DEFAULT]
ignoreip = {" ".join(ignored)}
bantime = {BAN_SECONDS}
findtime = 600
maxretry = 5
banaction = nftables-multiport
banaction_allports = nftables-allports

[sshd]
enabled = true
backend = systemd
port = {machine.host.port}
bantime = {SSH_BAN_SECONDS}
bantime.increment = true
bantime.maxtime = 1w
"""
    if machine.serves_web:
        text += f"""
[madang-probes]
enabled = true
backend = polling
filter = madang-probes
logpath = {PROBES_LOG}
port = http,https
banaction = madang-new
maxretry = {MAX_PROBES}
"""
    if machine.accepts_rtmp:
        unit = unit_name("all" if "all" in machine.roles else "live")
        text += f"""
[madang-rtmp]
enabled = true
backend = systemd
journalmatch = _SYSTEMD_UNIT={unit}
filter = madang-rtmp
port = {RTMP_PORT},{RTMPS_PORT}
banaction = madang-new
maxretry = {MAX_BAD_HANDSHAKES}
"""
    return text
