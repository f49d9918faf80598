"""systemd units of backups that timers start. Pure.

They run as PostgreSQL's user, who may read the cluster and start a scratch server, or without
PostgreSQL as Debian's user for backups, with the one capability to read the station's files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup.pgbackrest_config import POSTGRESQL_USER
from madang.ops.backup.schedule import WEEKDAYS

FILES_USER: Final = "backup"
"""User of Debian and Ubuntu that takes backups where there is no PostgreSQL."""

PACKAGES: Final = ("restic", "pgbackrest", "openssh-client")
"""Packages of Debian and Ubuntu."""


@dataclass(frozen=True, slots=True)
class TimerOptions:
    """Values of the units.

    `program` is the `madang` to run, `group` may read `config`. `folder` (backup.folder, mode 0750,
    readable by `group`) and `local` (backup.local, mode 0700) belong to `user`. `clusters` is the
    folder of PostgreSQL's clusters; None for a remote database. `daily_at` is HH:MM and `verify_on`
    an English weekday, both in the time zone `zone`.
    """

    program: Path
    data: Path
    config: Path
    folder: Path
    local: Path
    clusters: Path | None = Path("/var/lib/postgresql")
    group: str = "madang"
    daily_at: str = "03:30"
    verify_on: str = "sunday"
    zone: str = "Asia/Seoul"

    @property
    def user(self) -> str:
        """User that takes the backups."""
        return FILES_USER if self.clusters is None else POSTGRESQL_USER


def settings(options: TimerOptions, *, pgbackrest: Path, password_file: Path) -> Mapping[str, str]:
    """Return the section `backup` of the station's settings."""
    database = {"pgbackrest_config": str(pgbackrest)}
    if options.clusters is None:
        database = {"database": "elsewhere"}
    return {
        "run_by": "timer",
        "folder": str(options.folder),
        "local": options.local.as_uri(),
        "password_file": str(password_file),
        "sftp_known_hosts": str(options.folder / "known_hosts"),
        **database,
        "daily_at": options.daily_at,
        "verify_on": options.verify_on,
    }


def units(options: TimerOptions) -> Mapping[str, str]:
    """Return the units by file name. Enable the timers, and the shipping service where it
    exists."""
    day = options.verify_on[:3].capitalize()
    if options.verify_on not in WEEKDAYS:
        raise ValueError(f"expected one of {', '.join(WEEKDAYS)}")
    found = {
        "madang-backup.service": _service(
            options, "Takes the nightly backup of the station", "now", _ONCE
        ),
        "madang-backup.timer": _timer("nightly backup", f"*-*-* {options.daily_at} {options.zone}"),
        "madang-backup-verify.service": _service(
            options,
            "Proves the newest backup of the station by restoring it",
            "verify",
            _ONCE,
            # Same hour: waits for the backup of that night.
            after="madang-backup.service",
        ),
        "madang-backup-verify.timer": _timer(
            "weekly proof of the backups", f"{day} *-*-* {options.daily_at} {options.zone}"
        ),
    }
    if options.clusters is not None:
        found["madang-backup-ship.service"] = _service(
            options,
            "Sends what PostgreSQL archives to the copy elsewhere",
            "ship --watch",
            _ALWAYS,
            install="\n[Install]\nWantedBy=multi-user.target\n",
        )
    return found


_ONCE: Final = "Type=oneshot\nTimeoutStartSec=infinity\n"
_ALWAYS: Final = "Type=exec\nRestart=always\nRestartSec=15\n"

_SANDBOX: Final = """\
UMask=0077
NoNewPrivileges=yes
AmbientCapabilities=CAP_DAC_READ_SEARCH
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateDevices=yes
PrivateTmp=yes
LockPersonality=yes
RemoveIPC=no
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
"""
"""RemoveIPC stays off: it would remove the shared memory of the running PostgreSQL, which has the
same user. Restored files may need a chown to their owner, even the same one."""


def _service(
    options: TimerOptions, what: str, command: str, kind: str, *, after: str = "", install: str = ""
) -> str:
    server = [] if options.clusters is None else ["postgresql.service"]
    ordered = " ".join(["network-online.target", *server, *after.split()])
    folders = (options.folder, options.local, options.clusters)
    writable = " ".join(str(each) for each in folders if each is not None)
    where = f"--data {options.data} --config {options.config}"
    return (
        f"[Unit]\nDescription={what}\nAfter={ordered}\nWants=network-online.target\n"
        f"\n[Service]\n{kind}"
        f"ExecStart={options.program} backup {command} {where}\n"
        f"User={options.user}\nGroup={options.user}\nSupplementaryGroups={options.group}\n"
        "Nice=19\nCPUSchedulingPolicy=idle\nIOSchedulingClass=idle\n"
        f"ReadWritePaths={writable}\n{_SANDBOX}{install}"
    )


def _timer(what: str, when: str) -> str:
    return (
        f"[Unit]\nDescription=The station's {what}\n"
        f"\n[Timer]\nOnCalendar={when}\nPersistent=true\n"
        "\n[Install]\nWantedBy=timers.target\n"
    )
