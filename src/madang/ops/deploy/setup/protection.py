"""Fail2ban and SSH, and who is shut out."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import SETTINGS, StationMachine
from madang.ops.deploy.model.resources import (
    AbsentFile,
    CustomCommand,
    ManagedFile,
    Packages,
    Resource,
    SystemdUnit,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import security

CHAT_REFUSALS: Final = "/etc/systemd/system/madang-chat-refusals.service"
"""Service of earlier versions, for bans that are no more."""


def security_step(station: Station, machine: StationMachine) -> tuple[Resource, ...]:
    """Fail2ban with its jails, and SSH by key alone."""
    fail2ban = (
        ManagedFile("/etc/fail2ban/action.d/madang-new.local", security.BAN_ACTION),
        ManagedFile("/etc/fail2ban/filter.d/madang-probes.local", security.FILTER_PROBES),
        ManagedFile("/etc/fail2ban/filter.d/madang-rtmp.local", security.FILTER_RTMP),
        ManagedFile("/etc/fail2ban/jail.d/madang.local", security.jails(station, machine)),
    )
    sshd = ManagedFile("/etc/ssh/sshd_config.d/10-madang.conf", security.SSHD)
    return (
        Packages(("fail2ban", "python3-systemd", "nftables")),
        *fail2ban,
        SystemdUnit("fail2ban.service", fail2ban, check="fail2ban-client -t >/dev/null"),
        *(AbsentFile(path) for path in security.OLD_FILES),
        CustomCommand(
            "no service for bans of the chat",
            f"[ ! -e {CHAT_REFUSALS} ]",
            f"systemctl disable --now --quiet madang-chat-refusals.service; "
            f"rm -f {CHAT_REFUSALS} {SETTINGS}/redis-cli.env; systemctl daemon-reload",
        ),
        sshd,
        SystemdUnit("ssh.service", (sshd,), reload=True, check="sshd -t", enable=False),
    )
