"""Fail2ban and SSH, restrictions of the distribution's services, and their logs."""

from __future__ import annotations

from typing import Final

from madang.ops.deploy.model.layout import SETTINGS, StationMachine
from madang.ops.deploy.model.resources import (
    STATE,
    AbsentFile,
    CustomCommand,
    ManagedFile,
    Packages,
    Resource,
    SystemdUnit,
)
from madang.ops.deploy.model.station_file import Station
from madang.ops.deploy.texts import hardening, logs, security

CHAT_REFUSALS: Final = "/etc/systemd/system/madang-chat-refusals.service"
"""Service of earlier versions, for bans that are no more."""


def base(machine: StationMachine) -> tuple[Resource, ...]:
    """Rotation of logs, and restrictions of services before their packages start them."""
    timer = ManagedFile(
        "/etc/systemd/system/logrotate.timer.d/60-madang.conf", logs.LOGROTATE_TIMER
    )
    return (
        Packages(("logrotate", "needrestart")),
        ManagedFile("/etc/logrotate.conf", logs.LOGROTATE),
        timer,
        SystemdUnit("logrotate.timer", (timer,)),
        ManagedFile("/etc/needrestart/conf.d/60-madang.conf", hardening.NEEDRESTART),
        *(_drop_in(unit) for unit in _restricted(machine)),
    )


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
        restart_restricted("fail2ban.service"),
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
        _closed_logs(),
    )


def restart_restricted(unit: str) -> CustomCommand:
    """A restart of a running service under its restrictions, in which a reload does not put it."""
    drop_in = _drop_in(unit)
    stamp = f"{STATE}/loaded/{unit}.restrictions"
    return CustomCommand(
        f"restrictions of {unit}",
        f"[ {stamp} -nt {drop_in.path} ]",
        f"set -e; systemctl daemon-reload; systemctl try-restart {unit.replace('@.', '.')}; "
        f"mkdir -p {STATE}/loaded; touch {stamp}",
        after=(drop_in.key,),
    )


def _restricted(machine: StationMachine) -> tuple[str, ...]:
    wanted = {
        "nginx.service": machine.serves_web,
        "fail2ban.service": True,
        "postgresql@.service": machine.has_database,
    }
    return tuple(unit for unit, here in wanted.items() if here)


def _drop_in(unit: str) -> ManagedFile:
    return ManagedFile(f"/etc/systemd/system/{unit}.d/60-madang.conf", hardening.DROP_INS[unit])


def _closed_logs() -> CustomCommand:
    readable = (
        f"find {' '.join(f'{path}*' for path in logs.FOLDERS)} -type f -perm /o=rwx 2>/dev/null"
    )
    return CustomCommand(
        "logs for administrators alone",
        f'[ -z "$({readable})" ]',
        f"{readable} | xargs -r -d '\\n' chmod o=",
    )
