"""Addresses that Fail2ban shuts out of deployed machines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from madang.ops.deploy.errors import DeployError
from madang.ops.deploy.runner import Deployment

LIST_SCRIPT: Final = """
jails=$(fail2ban-client status) || { echo "Fail2ban does not answer" >&2; exit 1; }
for jail in $(printf '%s' "$jails" | sed -n 's/.*Jail list:[[:space:]]*//p' | tr -d ','); do
    fail2ban-client get "$jail" banip --with-time | sed "s/^/$jail /"
done
"""
"""Prints a line for each ban: jail, address, times in the machine's zone."""

_LINE: Final = re.compile(
    r"(?P<jail>\S+)\s+(?P<address>\S+)\s+(?P<since>\S+ \S+) \+ \S+ = (?P<until>\S+ \S+)"
)


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban; `jail` says why, times are in UTC."""

    host: str
    jail: str
    address: str
    since: datetime
    until: datetime


def parse_bans(host: str, output: str, zone: ZoneInfo) -> Iterator[Ban]:
    """Yield the bans in the output of LIST_SCRIPT; `zone` is the machine's."""
    for line in output.splitlines():
        if found := _LINE.fullmatch(line.strip()):
            since, until = (
                datetime.fromisoformat(found[name]).replace(tzinfo=zone).astimezone(UTC)
                for name in ("since", "until")
            )
            yield Ban(host, found["jail"], found["address"], since, until)


def list_bans(servers: Deployment) -> list[Ban]:
    """Return the bans of all machines. Raises DeployError."""
    zone = ZoneInfo(servers.station.time_zone)
    commands = dict.fromkeys(servers.station.hosts, LIST_SCRIPT)
    outputs = servers.run_command(commands, lambda event: None)
    return [ban for host, text in outputs.items() for ban in parse_bans(host, text, zone)]


def lift_bans(servers: Deployment, address: str) -> list[Ban]:
    """Lift all bans of `address`, written as Fail2ban does, and return them.

    Raises DeployError if there are none.
    """
    lifted = [ban for ban in list_bans(servers) if ban.address == address]
    if not lifted:
        raise DeployError(f"{address} is not shut out anywhere.", mend="See: madang deploy bans")
    command = f"fail2ban-client unban {address}"
    servers.run_command({ban.host: command for ban in lifted}, lambda event: None)
    return lifted
