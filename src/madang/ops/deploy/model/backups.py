"""What a machine has for the station's backups. Pure.

In `minimal` the station takes them by itself, in its data folder. In the other shapes timers of the
system do, on each machine what it has: as PostgreSQL's user where the cluster is, to the very place
that was named; elsewhere into a folder of the machine's own there. See `madang.ops.backup`.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from madang.ops.backup.destinations import Access, Destination, DestinationKind, parse_destination
from madang.ops.backup.model import Retention
from madang.ops.backup.pgbackrest_config import STANZA, Archive, pgbackrest_conf
from madang.ops.backup.postgresql import USER as POSTGRES
from madang.ops.backup.systemd_units import Timers
from madang.ops.backup.systemd_units import settings as timer_settings
from madang.ops.backup.systemd_units import units as timer_units
from madang.ops.deploy.model.layout import (
    DATA,
    DATA_MACHINE,
    POSTGRESQL_PORT,
    PROGRAM,
    SETTINGS,
    TOOLS,
    USER,
    StationMachine,
)
from madang.ops.deploy.model.resources import (
    STATE,
    CustomCommand,
    Folder,
    ManagedFile,
    Resource,
    SystemdUnit,
)
from madang.ops.deploy.model.station_file import Station

FOLDER: Final = "/var/lib/madang-backup"
"""What backups need for themselves, and what became of them; the station reads the latter."""

LOCAL: Final = "/var/backups/madang"
"""The near copy."""

CONFIGURATION: Final = f"{SETTINGS}/pgbackrest.conf"
PASSWORD: Final = f"{SETTINGS}/backup.password"
KEY: Final = f"{SETTINGS}/backup.key"
TEMPLATE: Final = f"{STATE}/pgbackrest.conf"
TOOL: Final = f"{TOOLS}/pgbackrest-conf"
SOCKETS: Final = "/var/run/postgresql"
SHIPPING: Final = "madang-backup-ship.service"

RESTORE: Final = "madang-restore.service"
LOG_FOLDER: Final = "/var/log/madang"
LOG: Final = f"{LOG_FOLDER}/restore.log"
BROUGHT_BACK: Final = f"{STATE}/brought-back"

DAILY_AT, VERIFY_ON = "03:30", "sunday"
"""As the settings have it where nothing is said."""


def settings(station: Station, machine: StationMachine) -> Mapping[str, object]:
    """The section `backup` of madang.toml on `machine`."""
    chosen = station.backup
    given = chosen.model_dump(exclude_none=True, exclude={"sftp_key"})
    if chosen.sftp_key is not None:
        given["sftp_key"] = KEY
    if (url := _url(station, machine)) is not None:
        given["offsite"] = url
    if not _by_timers(station):
        return given
    ours = timer_settings(
        _timers(station, machine), pgbackrest=Path(CONFIGURATION), password_file=Path(PASSWORD)
    )
    return {**ours, **given}


def prepared(station: Station, machine: StationMachine, password: str) -> tuple[Resource, ...]:
    """Folders, password and key; with PostgreSQL, what its archive needs before it starts."""
    owner = _timers(station, machine).user if _by_timers(station) else USER
    resources: list[Resource] = [Folder(SETTINGS)]
    if _by_timers(station):
        resources += [Folder(FOLDER, 0o750, owner, USER), Folder(LOCAL, 0o700, owner, owner)]
    else:
        resources.append(Folder(f"{DATA}/backup", 0o700, USER, USER))
    if machine.has_data:
        resources += [
            Folder(f"{LOCAL}/spool", 0o750, POSTGRES, POSTGRES),
            Folder(f"{LOCAL}/postgresql", 0o750, POSTGRES, POSTGRES),
        ]
    resources.append(_password(_password_file(station), password, owner))
    if station.backup.sftp_key is not None:
        key = station.backup.sftp_key.read_text(encoding="ascii")
        resources.append(ManagedFile(KEY, key, 0o600, owner, owner, secret=True))
    if machine.has_data:
        resources += _archive(station, machine)
    return tuple(resources)


def begun(station: Station, machine: StationMachine) -> tuple[Resource, ...]:
    """The archive takes what PostgreSQL hands over: that must be so before the first night."""
    if not machine.has_data:
        return ()
    return (
        CustomCommand(
            "archive of PostgreSQL begins",
            f"[ -e {LOCAL}/postgresql/backup/{STANZA}/backup.info ]",
            f"cd / && runuser -u {POSTGRES} -- pgbackrest --config={CONFIGURATION} "
            f"--stanza={STANZA} stanza-create",
        ),
    )


def brought_back(station: Station, machine: StationMachine, release: str) -> tuple[Resource, ...]:
    """The station, or this machine's part of it, from the copy elsewhere, before anything of it has
    started here.

    Database, files and settings are waited for. Media follow by themselves, and after them the
    next backup: none must be taken of a part of them.
    """
    url, place = _url(station, machine), _offsite(station, machine)
    if url is None or place is None:
        return ()
    home = f"{PROGRAM}/releases/{release}"
    password = _password_file(station)
    command = [f"{home}/venv/bin/madang", "backup", "restore", "--from", url]
    command += ["--password-file", password, "--data", DATA, "--config", f"{home}/madang.toml"]
    if station.backup.sftp_key is not None:
        command += ["--sftp-key", KEY]
    whole = shlex.join(command)
    if _by_timers(station):
        whole += " && systemctl start --no-block madang-backup.service"
    ready = f"grep -qs 'can be started' {LOG}"
    return (
        CustomCommand(
            f"station from {place.shown}",
            f"[ -e {BROUGHT_BACK} ]",
            f"set -e; mkdir -p -m 750 {LOG_FOLDER}; "
            # One that was cut off from its operator went on, and is waited for again.
            f"if ! systemctl is-active --quiet {RESTORE}; then "
            f"systemctl reset-failed --quiet {RESTORE} 2>/dev/null || :; "
            f"systemd-run --quiet --unit={RESTORE} -p StandardError=truncate:{LOG} "
            f"sh -c {shlex.quote(whole)}; fi; "
            f"while systemctl is-active --quiet {RESTORE} && ! {ready}; do sleep 0.5; done; "
            f"{ready} || {{ tail -n 3 {LOG} >&2; exit 1; }}; touch {BROUGHT_BACK}",
        ),
    )


def timers(station: Station, machine: StationMachine, config: ManagedFile) -> tuple[Resource, ...]:
    """The timers and what they start; `config` is the madang.toml that they run with."""
    if not _by_timers(station):
        return ()
    files = {
        name: ManagedFile(f"/etc/systemd/system/{name}", text)
        for name, text in timer_units(_timers(station, machine)).items()
    }
    take, prove = (
        (files[f"{name}.service"], files[f"{name}.timer"])
        for name in ("madang-backup", "madang-backup-verify")
    )
    return (
        *files.values(),
        SystemdUnit("madang-backup.timer", take),
        SystemdUnit("madang-backup-verify.timer", prove),
        *(_shipping(station, machine, files[SHIPPING], config) if machine.has_data else ()),
        CustomCommand(
            "first backup",
            f"[ -e {FOLDER}/state.json ] || systemctl is-active --quiet {RESTORE} "
            "|| systemctl show -p ActiveState madang-backup.service | grep -q activating",
            # It takes as long as it takes, out of everybody's way.
            "systemctl start --no-block madang-backup.service",
        ),
    )


def _shipping(
    station: Station, machine: StationMachine, file: ManagedFile, config: ManagedFile
) -> tuple[Resource, ...]:
    place = _offsite(station, machine)
    if place is not None and place.kind is DestinationKind.SFTP:
        # The program and its settings change with each release.
        return (SystemdUnit(SHIPPING, (file, config)),)
    off = f"systemctl is-active --quiet {SHIPPING} || systemctl is-enabled --quiet {SHIPPING}"
    return (
        CustomCommand(
            "nothing to send elsewhere", f"! {{ {off}; }}", f"systemctl disable --now {SHIPPING}"
        ),
    )


def _by_timers(station: Station) -> bool:
    """Whether the system's timers take the backups, and not the station itself."""
    return station.shape in DATA_MACHINE


def _password_file(station: Station) -> str:
    return PASSWORD if _by_timers(station) else f"{DATA}/backup/password"


def _url(station: Station, machine: StationMachine) -> str | None:
    """Where the machine's copies go: repositories of two machines must not be the same."""
    url = station.backup.offsite
    if url is None or machine.migrates:
        return url
    return f"{url.rstrip('/')}/machine-{machine.name}"


def _timers(station: Station, machine: StationMachine) -> Timers:
    home = f"{PROGRAM}/roles/{machine.roles[0]}"
    chosen = station.backup
    return Timers(
        Path(f"{home}/venv/bin/madang"),
        Path(DATA),
        Path(f"{home}/madang.toml"),
        Path(FOLDER),
        Path(LOCAL),
        Path("/var/lib/postgresql") if machine.has_data else None,
        group=USER,
        daily_at=chosen.daily_at or DAILY_AT,
        verify_on=chosen.verify_on or VERIFY_ON,
        zone=station.time_zone,
    )


def _offsite(station: Station, machine: StationMachine) -> Destination | None:
    backup, url = station.backup, _url(station, machine)
    if url is None:
        return None
    access = Access(
        s3_key=backup.s3_key or "",
        s3_secret=backup.s3_secret or "",
        s3_region=backup.s3_region or "",
    )
    return parse_destination("offsite", url, access)


def _password(path: str, password: str, owner: str) -> CustomCommand:
    """Written once: another one would open none of the copies that there are."""
    digest = hashlib.sha256(f"{password}\n".encode()).hexdigest()
    return CustomCommand(
        "password of the backups",
        f'[ "$(sha256sum < {path})" = "{digest}  -" ]',
        f"set -e; umask 077; if [ -s {path} ]; then "
        f'echo "The backups were made with another password than station.secrets.json has. It is '
        f"in {path} on this machine: write it into station.secrets.json as backup, and apply "
        f'again." >&2; exit 1; fi; '
        f"cat > {path}.new; chown {owner}:{owner} {path}.new; sync -d {path}.new; "
        f"mv -f {path}.new {path}",
        f"{password}\n",
    )


def _archive(station: Station, machine: StationMachine) -> tuple[Resource, ...]:
    chosen = station.backup
    kept = {
        "daily": chosen.keep_daily,
        "weekly": chosen.keep_weekly,
        "monthly": chosen.keep_monthly,
    }
    keep = Retention(**{name: count for name, count in kept.items() if count is not None})
    # What only the machine knows is put in there: the cluster's folder has PostgreSQL's version in
    # its name, and the password leaves its file for nowhere else.
    template = pgbackrest_conf(
        Archive(
            Path("@CLUSTER@"),
            SOCKETS,
            POSTGRESQL_PORT,
            Destination("local", DestinationKind.FOLDER, LOCAL),
            _offsite(station, machine),
            keep,
            Path(f"{LOCAL}/spool"),
            block=True,
        ),
        "@PASSWORD@",
    )
    return (
        ManagedFile(TEMPLATE, template, 0o600, secret=True),
        ManagedFile(TOOL, TOOL_SCRIPT, 0o755, tool=True),
        CustomCommand("pgBackRest's configuration", f"{TOOL} check", f"{TOOL} write"),
    )


TOOL_SCRIPT: Final = f"""#!/bin/sh
# Written by `madang deploy`.  pgbackrest-conf check|write
# pgBackRest's configuration: the template with what this machine alone knows.
set -eu
umask 077
cluster=$(ls -d /var/lib/postgresql/*/main | sort -V | tail -1)
block=
# Block-incremental backups are a trial before 2.46, and unknown before 2.45.
version=$(pgbackrest version | sed 's/[^0-9.]//g')
[ "$(printf '%s\\n' 2.46 "$version" | sort -V | head -1)" = 2.46 ] || block='/^repo[0-9]*-block=/d;'
made=$(sed "$block s|@CLUSTER@|$cluster|; s|@PASSWORD@|$(cat {shlex.quote(PASSWORD)})|" {TEMPLATE})
if [ "$1" = check ]; then
    printf '%s\\n' "$made" | cmp -s - {CONFIGURATION}
    exit
fi
printf '%s\\n' "$made" > {CONFIGURATION}.new
chown {POSTGRES}:{POSTGRES} {CONFIGURATION}.new
mv -f {CONFIGURATION}.new {CONFIGURATION}
"""
