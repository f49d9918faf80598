"""SSH, firewall and Fail2ban."""

from __future__ import annotations

from typing import Final

from madang.chat.bus_events import ABUSE_CHANNEL
from madang.ops.deploy.model.layout import (
    PORTS,
    POSTGRESQL_PORT,
    REDIS_PORT,
    RTMP_PORT,
    RTMPS_PORT,
    SETTINGS,
    StationMachine,
    machines,
    unit_name,
)
from madang.ops.deploy.model.station_file import Administrator, Station
from madang.ops.deploy.texts import HEADER, SANDBOX

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

BAN_SECONDS: Final = 3600
"""A longer ban would hit the next user of an address; each repetition doubles it."""


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


FILTER_SIGN_IN: Final = f"""{HEADER}# The sign-in page answers a wrong password
# with itself (200), one without the form's token with 403, a right one with 302.
[Definition]
failregex = ^<HOST> \\S+ \\S+ \\[[^\\]]*\\] "POST /accounts/login/[^"]*" (?:200|403|429)\\s
ignoreregex =
"""

FILTER_KEYS: Final = f"""{HEADER}# An encoder that showed a stream key which opens nothing.
[Definition]
failregex = rtmp <HOST>: refused: .*stream key
ignoreregex =
"""

_LOGGER: Final = r"\[madang\.servers\.chat\.abuse\]"

FILTER_CHAT: Final = f"""{HEADER}# Who went on although the chat refused him
# sixty times: a flood of messages or connections, or tries with tokens that open nothing. The
# logger's name is part of it, as what people write must not look like this line.
[Definition]
failregex = \\] chat <HOST>: refused again and again: \\w+\\s+{_LOGGER}
ignoreregex =
"""

CHAT_REFUSALS_UNIT: Final = "madang-chat-refusals.service"
CHAT_REFUSALS_PASSWORD: Final = f"{SETTINGS}/redis-cli.env"

FILTER_REMOTE_CHAT: Final = f"""{HEADER}# The same, from the journal of {CHAT_REFUSALS_UNIT}:
# the chat is on another machine, and tells of it through Redis.
[Definition]
failregex = redis-cli\\[\\d+\\]: chat <HOST>: refused again and again: \\w+$
ignoreregex =
"""

CHAT_REFUSALS_SERVICE: Final = f"""{HEADER}
[Unit]
Description=Madang, hears from the chat on another machine whom it would shut out
After=redis-server.service
StartLimitIntervalSec=0

[Service]
Type=exec
DynamicUser=yes
EnvironmentFile={CHAT_REFUSALS_PASSWORD}
ExecStart=/usr/bin/redis-cli -h 127.0.0.1 -p {REDIS_PORT} --raw SUBSCRIBE {ABUSE_CHANNEL}
# It ends when Redis does.
Restart=always
RestartSec=2
Slice=madang.slice

RestrictAddressFamilies=AF_UNIX AF_INET
{SANDBOX}
[Install]
WantedBy=multi-user.target
"""
"""Writes the chat's refusals to the journal of the machine with nginx, for Fail2ban."""


def receives_chat_refusals(machine: StationMachine) -> bool:
    """Return true if clients connect to `machine` for a chat that runs on another one."""
    return machine.serves_web and not machine.has_chat


def filter_chat(machine: StationMachine) -> str:
    """Fail2ban's filter for the journal of the chat, or of CHAT_REFUSALS_UNIT."""
    return FILTER_REMOTE_CHAT if receives_chat_refusals(machine) else FILTER_CHAT


def jails(station: Station, machine: StationMachine) -> str:
    """Fail2ban's jails with their limits."""
    ignored = ["127.0.0.1/8", "::1"]
    ignored += [
        other.host.private_address for other in machines(station) if other.host.private_address
    ]
    ignored += [address for person in station.administrators for address in person.addresses]
    text = f"""{HEADER}[DEFAULT]
ignoreip = {" ".join(ignored)}
bantime = {BAN_SECONDS}
bantime.increment = true
bantime.maxtime = 1w
findtime = 600
maxretry = 5
banaction = nftables-multiport
banaction_allports = nftables-allports

[sshd]
enabled = true
backend = systemd
port = {machine.host.port}
"""
    if machine.serves_web:
        text += """
[madang-sign-in]
enabled = true
backend = polling
filter = madang-sign-in
logpath = /var/log/nginx/madang-access.log
port = http,https
maxretry = 10
"""
    if machine.accepts_rtmp:
        units = f"_SYSTEMD_UNIT={unit_name('all' if 'all' in machine.roles else 'live')}"
        text += f"""
[madang-keys]
enabled = true
backend = systemd
journalmatch = {units}
filter = madang-keys
port = {RTMP_PORT},{RTMPS_PORT}
maxretry = 10
"""
    if machine.serves_web:
        unit = unit_name("all" if "all" in machine.roles else "chat")
        unit = CHAT_REFUSALS_UNIT if receives_chat_refusals(machine) else unit
        text += f"""
[madang-chat]
enabled = true
backend = systemd
journalmatch = _SYSTEMD_UNIT={unit}
filter = madang-chat
port = http,https
maxretry = 2
"""
    return text
