"""Resources of the station's backups.

In `minimal` the station takes backups itself, in its data folder. In other shapes systemd timers
do, on each machine for its own data: as PostgreSQL's user on the machine with the cluster, into the
configured destination; elsewhere into a folder of that machine below it. See `madang.ops.backup`.
Reads the operator's SFTP key.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from madang.ops.backup.destinations import (
    Credentials,
    Destination,
    DestinationKind,
    parse_destination,
)
from madang.ops.backup.model import Retention
from madang.ops.backup.pgbackrest_config import POSTGRESQL_USER as POSTGRES
from madang.ops.backup.pgbackrest_config import STANZA, PgBackRestConfig, pgbackrest_conf
from madang.ops.backup.systemd_units import TimerOptions
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
from madang.ops.deploy.setup import commands
from madang.ops.deploy.setup.postgresql import PSQL
from madang.ops.deploy.texts.database import FIND_CLUSTER

FOLDER: Final = "/var/lib/madang-backup"
"""State, cache and staging of the backups; the station reads the state."""

LOCAL: Final = "/var/backups/madang"
"""Local copy."""

PGBACKREST_CONF: Final = f"{SETTINGS}/pgbackrest.conf"
PASSWORD_FILE: Final = f"{SETTINGS}/backup.password"
SFTP_KEY_FILE: Final = f"{SETTINGS}/backup.key"
PGBACKREST_BASE: Final = f"{STATE}/pgbackrest.conf"
PGBACKREST_TOOL: Final = f"{TOOLS}/pgbackrest-conf"
SOCKETS: Final = "/var/run/postgresql"
SHIPPING_UNIT: Final = "madang-backup-ship.service"

RESTORE_UNIT: Final = "madang-restore.service"
LOG_FOLDER: Final = "/var/log/madang"
LOG: Final = f"{LOG_FOLDER}/restore.log"
RESTORED_MARKER: Final = f"{STATE}/brought-back"

DAILY_AT, VERIFY_ON = "03:30", "sunday"
"""Defaults of the settings."""


def settings(station: Station, machine: StationMachine) -> Mapping[str, object]:
    """Return the section `backup` of madang.toml on `machine`."""
    options = station.backup.model_dump(exclude_none=True, exclude={"sftp_key"})
    if station.backup.sftp_key is not None:
        options["sftp_key"] = SFTP_KEY_FILE
    if (url := _url(station, machine)) is not None:
        options["offsite"] = url
    if not _by_timers(station):
        return options
    timer_options = timer_settings(
        _timers(station, machine),
        pgbackrest=Path(PGBACKREST_CONF),
        password_file=Path(PASSWORD_FILE),
    )
    return {**timer_options, **options}


def user(station: Station, machine: StationMachine) -> str:
    """Return the user that takes the backups of `machine`."""
    return _timers(station, machine).user if _by_timers(station) else USER


def prerequisites(station: Station, machine: StationMachine, password: str) -> tuple[Resource, ...]:
    """Folders, password and key; with PostgreSQL also the configuration of its archive."""
    owner = user(station, machine)
    resources: list[Resource] = []
    if _by_timers(station):
        resources += [Folder(FOLDER, 0o750, owner, USER), Folder(LOCAL, 0o700, owner, owner)]
        resources += [commands.owned(folder, owner) for folder in (FOLDER, LOCAL)]
    else:
        resources.append(Folder(f"{DATA}/backup", 0o700, USER, USER))
    if machine.has_database:
        resources += [
            Folder(f"{LOCAL}/spool", 0o750, POSTGRES, POSTGRES),
            Folder(f"{LOCAL}/postgresql", 0o750, POSTGRES, POSTGRES),
        ]
    resources.append(_password(_password_file(station), password, owner))
    if station.backup.sftp_key is not None:
        key = station.backup.sftp_key.read_text(encoding="ascii")
        resources.append(ManagedFile(SFTP_KEY_FILE, key, 0o600, owner, owner, secret=True))
    if machine.has_database:
        resources += _archive(station, machine)
    return tuple(resources)


_PGBACKREST: Final = (
    f"env -C / runuser -u {POSTGRES} -- pgbackrest --config={PGBACKREST_CONF} --stanza={STANZA}"
)

CREATE_STANZA: Final = CustomCommand(
    "archive of PostgreSQL begins",
    f"[ -e {LOCAL}/postgresql/backup/{STANZA}/backup.info ]",
    f"{_PGBACKREST} stanza-create",
)
"""Creation of PostgreSQL's archive, before its first backup."""

_ARCHIVED: Final = "import json, sys; print(json.load(sys.stdin)[0]['db'][-1]['system-id'])"

CONTINUE_STANZA: Final = CustomCommand(
    "archive of PostgreSQL goes on with another cluster",
    f"[ ! -e {LOCAL}/postgresql/backup/{STANZA}/backup.info ] || "
    f'[ "$({PSQL} -c "SELECT system_identifier FROM pg_control_system()")" = '
    f'"$({_PGBACKREST} --repo=1 --output=json info | python3 -c "{_ARCHIVED}")" ]',
    f"{_PGBACKREST} stanza-upgrade && systemctl start --no-block madang-backup.service",
)
"""Upgrade of the stanza after that of PostgreSQL, and a backup, which is a full one."""


def restore(station: Station, machine: StationMachine, release: str) -> tuple[Resource, ...]:
    """Restore the station, or this machine's part, from the off-site copy before it starts.

    Waits for database, files and settings. Media follow in the background, and the next backup
    after them, as it must not be taken of a part of them.
    """
    url, destination = _url(station, machine), _offsite(station, machine)
    if url is None or destination is None:
        return ()
    home = f"{PROGRAM}/releases/{release}"
    password = _password_file(station)
    command = [f"{home}/venv/bin/madang", "backup", "restore", "--from", url]
    command += ["--password-file", password, "--data", DATA, "--config", f"{home}/madang.toml"]
    if station.backup.sftp_key is not None:
        command += ["--sftp-key", SFTP_KEY_FILE]
    whole = shlex.join(command)
    if _by_timers(station):
        whole += " && systemctl start --no-block madang-backup.service"
    ready = f"grep -qs 'can be started' {LOG}"
    return (
        CustomCommand(
            f"station from {destination.address}",
            f"[ -e {RESTORED_MARKER} ]",
            f"set -e; mkdir -p -m 750 {LOG_FOLDER}; "
            # A restore whose operator was disconnected has gone on: wait for it again.
            f"if ! systemctl is-active --quiet {RESTORE_UNIT}; then "
            f"systemctl reset-failed --quiet {RESTORE_UNIT} 2>/dev/null || :; "
            f"systemd-run --quiet --unit={RESTORE_UNIT} -p StandardError=truncate:{LOG} "
            f"sh -c {shlex.quote(whole)}; fi; "
            f"while systemctl is-active --quiet {RESTORE_UNIT} && ! {ready}; do sleep 0.5; done; "
            f"{ready} || {{ tail -n 3 {LOG} >&2; exit 1; }}; touch {RESTORED_MARKER}",
        ),
    )


def timers(station: Station, machine: StationMachine, config: ManagedFile) -> tuple[Resource, ...]:
    """Timers and services; `config` is the madang.toml that they run with."""
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
        *_shipping(station, machine, files, config),
        CustomCommand(
            "first backup",
            f"[ -e {FOLDER}/state.json ] || systemctl is-active --quiet {RESTORE_UNIT} "
            "|| systemctl show -p ActiveState madang-backup.service | grep -q activating",
            # In the background: it may take long.
            "systemctl start --no-block madang-backup.service",
        ),
    )


def _shipping(
    station: Station,
    machine: StationMachine,
    files: Mapping[str, ManagedFile],
    config: ManagedFile,
) -> tuple[Resource, ...]:
    if not machine.has_database:
        return ()
    destination = _offsite(station, machine)
    if destination is not None and destination.kind is DestinationKind.SFTP:
        # Program and settings change with each release.
        return (SystemdUnit(SHIPPING_UNIT, (files[SHIPPING_UNIT], config)),)
    active = f"systemctl is-active --quiet {SHIPPING_UNIT}"
    enabled = f"systemctl is-enabled --quiet {SHIPPING_UNIT}"
    return (
        CustomCommand(
            "nothing to send elsewhere",
            f"! {{ {active} || {enabled}; }}",
            f"systemctl disable --now {SHIPPING_UNIT}",
        ),
    )


def _by_timers(station: Station) -> bool:
    """Return true if timers take the backups, not the station itself."""
    return station.shape in DATA_MACHINE


def _password_file(station: Station) -> str:
    return PASSWORD_FILE if _by_timers(station) else f"{DATA}/backup/password"


def _url(station: Station, machine: StationMachine) -> str | None:
    """URL of the machine's off-site copies: two machines must not share a repository."""
    url = station.backup.offsite
    if url is None or machine.runs_migrations:
        return url
    return f"{url.rstrip('/')}/machine-{machine.name}"


def _timers(station: Station, machine: StationMachine) -> TimerOptions:
    home = f"{PROGRAM}/roles/{machine.main_role}"
    options = station.backup
    return TimerOptions(
        Path(f"{home}/venv/bin/madang"),
        Path(DATA),
        Path(f"{home}/madang.toml"),
        Path(FOLDER),
        Path(LOCAL),
        Path("/var/lib/postgresql") if machine.has_database else None,
        group=USER,
        daily_at=options.daily_at or DAILY_AT,
        verify_on=options.verify_on or VERIFY_ON,
        zone=station.time_zone,
    )


def _offsite(station: Station, machine: StationMachine) -> Destination | None:
    backup, url = station.backup, _url(station, machine)
    if url is None:
        return None
    access = Credentials(
        s3_key=backup.s3_key or "",
        s3_secret=backup.s3_secret or "",
        s3_region=backup.s3_region or "",
    )
    return parse_destination("offsite", url, access)


def _password(path: str, password: str, owner: str) -> CustomCommand:
    """Written once: existing copies cannot be opened with another password."""
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
    options = station.backup
    kept = {
        "daily": options.keep_daily,
        "weekly": options.keep_weekly,
        "monthly": options.keep_monthly,
    }
    retention = Retention(**{name: count for name, count in kept.items() if count is not None})
    # Only the machine knows the cluster's folder, which has PostgreSQL's version in its name, and
    # the password stays in its file.
    template = pgbackrest_conf(
        PgBackRestConfig(
            Path("@CLUSTER@"),
            SOCKETS,
            POSTGRESQL_PORT,
            Destination("local", DestinationKind.FOLDER, LOCAL),
            _offsite(station, machine),
            retention,
            Path(f"{LOCAL}/spool"),
            block=True,
        ),
        "@PASSWORD@",
    )
    return (
        ManagedFile(PGBACKREST_BASE, template, 0o600, secret=True),
        ManagedFile(PGBACKREST_TOOL, TOOL_SCRIPT, 0o755, tool=True),
        CustomCommand(
            "pgBackRest's configuration", f"{PGBACKREST_TOOL} check", f"{PGBACKREST_TOOL} write"
        ),
    )


TOOL_SCRIPT: Final = f"""#!/bin/sh
# Written by `madang deploy`.  pgbackrest-conf check|write
# pgBackRest's configuration: the template with what this machine alone knows.
set -eu
umask 077
{FIND_CLUSTER}
cluster=/var/lib/postgresql/$c
block=
# Block-incremental backups are a trial before 2.46, and unknown before 2.45.
version=$(pgbackrest version | sed 's/[^0-9.]//g')
[ "$(printf '%s\\n' 2.46 "$version" | sort -V | head -1)" = 2.46 ] || block='/^repo[0-9]*-block=/d;'
made=$(sed "$block s|@CLUSTER@|$cluster|; s|@PASSWORD@|$(cat {PASSWORD_FILE})|" {PGBACKREST_BASE})
if [ "$1" = check ]; then
    printf '%s\\n' "$made" | cmp -s - {PGBACKREST_CONF}
    exit
fi
printf '%s\\n' "$made" > {PGBACKREST_CONF}.new
chown {POSTGRES}:{POSTGRES} {PGBACKREST_CONF}.new
mv -f {PGBACKREST_CONF}.new {PGBACKREST_CONF}
"""
