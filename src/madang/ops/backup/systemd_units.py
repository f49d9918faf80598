"""The units of a server that is backed up by the system's timers: texts, made of values.

They run as PostgreSQL's user, which may read the cluster and start a scratch server, or where there
is none as Debian's own user for backups; and with the one capability to read what belongs to the
station. `render` has what pgBackRest and PostgreSQL need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from madang.ops.backup.postgresql import USER
from madang.ops.backup.schedule import WEEKDAYS

FILES_USER: Final = "backup"
"""Of every Debian and Ubuntu: takes the backups where there is no PostgreSQL."""

PACKAGES: Final = ("restic", "pgbackrest", "openssh-client")
"""Of Debian and Ubuntu."""


@dataclass(frozen=True, slots=True)
class Timers:
    """What the units need to know.

    `program` is the `madang` to run, `group` may read `config`. `folder` (backup.folder) and
    `local` (backup.local) belong to `user`; `group` may enter the first, mode 0750, as the station
    tells what stands there, and nobody the second, mode 0700. `clusters` is where PostgreSQL's
    clusters are; None where the database is on another machine.
    `daily_at` is HH:MM and `verify_on` a day in English, both in the time zone `zone`.
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
        """Who takes the backups."""
        return FILES_USER if self.clusters is None else USER


def settings(timers: Timers, *, pgbackrest: Path, password_file: Path) -> Mapping[str, str]:
    """What stands in the section `backup` of the station's settings on such a server."""
    database = {"pgbackrest_config": str(pgbackrest)}
    if timers.clusters is None:
        database = {"database": "elsewhere"}
    return {
        "run_by": "timer",
        "folder": str(timers.folder),
        "local": timers.local.as_uri(),
        "password_file": str(password_file),
        "sftp_known_hosts": str(timers.folder / "known_hosts"),
        **database,
        "daily_at": timers.daily_at,
        "verify_on": timers.verify_on,
    }


def units(timers: Timers) -> Mapping[str, str]:
    """The units by file name. The two timers and the shipping service, which only PostgreSQL has,
    are to be enabled."""
    day = timers.verify_on[:3].capitalize()
    if timers.verify_on not in WEEKDAYS:
        raise ValueError(f"expected one of {', '.join(WEEKDAYS)}")
    found = {
        "madang-backup.service": _service(
            timers, "Takes the nightly backup of the station", "now", _ONCE
        ),
        "madang-backup.timer": _timer("nightly backup", f"*-*-* {timers.daily_at} {timers.zone}"),
        "madang-backup-verify.service": _service(
            timers,
            "Proves the newest backup of the station by restoring it",
            "verify",
            _ONCE,
            # At the same hour: it waits until the night's own is taken.
            after="madang-backup.service",
        ),
        "madang-backup-verify.timer": _timer(
            "weekly proof of the backups", f"{day} *-*-* {timers.daily_at} {timers.zone}"
        ),
    }
    if timers.clusters is not None:
        found["madang-backup-ship.service"] = _service(
            timers,
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
"""RemoveIPC stays off: it would take the running PostgreSQL's shared memory, of the same user. What
pgBackRest and restic bring back they give to whom it belongs, even where that is themselves."""


def _service(
    timers: Timers, what: str, command: str, kind: str, *, after: str = "", install: str = ""
) -> str:
    server = [] if timers.clusters is None else ["postgresql.service"]
    ordered = " ".join(["network-online.target", *server, *after.split()])
    folders = (timers.folder, timers.local, timers.clusters)
    writable = " ".join(str(each) for each in folders if each is not None)
    where = f"--data {timers.data} --config {timers.config}"
    return (
        f"[Unit]\nDescription={what}\nAfter={ordered}\nWants=network-online.target\n"
        f"\n[Service]\n{kind}"
        f"ExecStart={timers.program} backup {command} {where}\n"
        f"User={timers.user}\nGroup={timers.user}\nSupplementaryGroups={timers.group}\n"
        "Nice=19\nCPUSchedulingPolicy=idle\nIOSchedulingClass=idle\n"
        f"ReadWritePaths={writable}\n{_SANDBOX}{install}"
    )


def _timer(what: str, when: str) -> str:
    return (
        f"[Unit]\nDescription=The station's {what}\n"
        f"\n[Timer]\nOnCalendar={when}\nPersistent=true\n"
        "\n[Install]\nWantedBy=timers.target\n"
    )
