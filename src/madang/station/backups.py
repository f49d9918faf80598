"""Backups of this station: their plan and schedule by the settings, their state, restoring."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from madang.ops.backup import state
from madang.ops.backup.destinations import Credentials, Destination, parse_destination
from madang.ops.backup.errors import BackupError
from madang.ops.backup.model import BackupPlan, MediaPolicy, Retention, parse_rfc3339
from madang.ops.backup.restore import ReportProgress, RestoreRequest, RestoreResult, restore
from madang.ops.backup.schedule import WEEKDAYS, BackupHealth, Schedule, assess
from madang.ops.backup.subprocesses import SYSTEM_PATH
from madang.station.config.settings import FILE_NAME, Settings, load
from madang.station.roles import run_files

SECTIONS: Final = ("database", "storage", "backup", "station")
"""Sections that report where things go. The others may name files that a new machine lacks yet."""


def plan_of(settings: Settings) -> BackupPlan:
    """Return what is backed up, and where to."""
    chosen = settings.backup
    credentials = _credentials(settings)
    destinations = [
        parse_destination(name, url, credentials)
        for name, url in (("local", chosen.local), ("offsite", chosen.offsite))
        if url is not None
    ]
    return BackupPlan(
        data=settings.data,
        folder=chosen.folder,
        database_url=settings.database.url,
        media_folder=settings.media_folder,
        destinations=tuple(destinations),
        password_file=chosen.password_file,
        settings_file=settings.file,
        retention=Retention(chosen.keep_daily, chosen.keep_weekly, chosen.keep_monthly),
        media=MediaPolicy(chosen.media),
        pgbackrest=chosen.pgbackrest_config,
        cluster=chosen.postgresql_data,
        database_here=chosen.database == "here",
    )


def schedule_of(settings: Settings) -> Schedule:
    """Return when backups are taken and verified."""
    return Schedule(
        time.fromisoformat(settings.backup.daily_at),
        WEEKDAYS.index(settings.backup.verify_on),
        ZoneInfo(settings.station.time_zone),
    )


def health(settings: Settings) -> BackupHealth:
    """Judge this station's backups, for `madang doctor`."""
    chosen = settings.backup
    if chosen.run_by == "nobody":
        return BackupHealth(True, "switched off with backup.run_by")
    if chosen.local is None and chosen.offsite is None:
        return BackupHealth(
            False, "there is no place for them", "set backup.offsite or backup.local"
        )
    if shutil.which("restic") is None and shutil.which("restic", path=SYSTEM_PATH) is None:
        return BackupHealth(
            False,
            "the program restic is not installed",
            "apt install restic, or switch backups off with backup.run_by",
        )
    if chosen.folder.exists() and not os.access(chosen.folder, os.X_OK):
        return BackupHealth(
            False,
            f"what became of them stands in {chosen.folder}, which this user may not enter",
            "let the station's group enter it: chgrp madang, chmod 0750",
        )
    found = assess(state.read(chosen.folder), datetime.now(UTC))
    if chosen.offsite is None:
        return replace(found, detail=f"{found.detail}; no copy elsewhere: set backup.offsite")
    return found


def summary(settings: Settings) -> dict[str, Any]:
    """Return the object `backup` of `madang status`."""
    known = state.read(settings.backup.folder)
    return {
        "taken_at": known.taken or None,
        "verified_at": known.verified or None,
        "error": known.check_error or known.error or None,
    }


def last_times(folder: Path) -> tuple[float, float]:
    """Return the instants of the newest backup and verification, in seconds since 1970 or 0."""
    known = state.read(folder)
    taken, verified = (
        parse_rfc3339(text).timestamp() if text else 0.0 for text in (known.taken, known.verified)
    )
    return taken, verified


def bring_back(
    settings: Settings,
    request: RestoreRequest,
    report: ReportProgress,
    *,
    source: str | None = None,
    password_file: Path | None = None,
    sftp_key: Path | None = None,
) -> RestoreResult:
    """Restore the station from its destinations, or from `source`. Raises BackupError."""
    running = run_files.read(settings, *run_files.ROLES)
    if running is not None:
        raise BackupError(
            f"The station runs (process {running.pid}).", mend="Stop it, then restore."
        )
    plan = plan_of(settings)
    if password_file is not None:
        plan = replace(plan, password_file=password_file)
    if source is not None:
        plan = replace(plan, destinations=(_destination(source, settings, sftp_key),))

    settled = settings.file is not None or (settings.data / FILE_NAME).is_file()

    def load_plan(file: Path | None) -> BackupPlan:
        # Settings that are here already are of this machine, and the backup's do not replace them.
        use_theirs = file is not None and not settled
        found = load(settings.data, config=file, only=SECTIONS) if use_theirs else settings
        return replace(plan_of(found), settings_file=request.settings_to)

    return restore(plan, request, load_plan, report)


def _destination(source: str, settings: Settings, sftp_key: Path | None) -> Destination:
    credentials = _credentials(settings)
    if sftp_key is not None:
        credentials = replace(credentials, key_file=sftp_key)
    try:
        return parse_destination("offsite", source, credentials)
    except ValueError as error:
        raise BackupError(f"The address {source} is none: {error}.") from None


def _credentials(settings: Settings) -> Credentials:
    chosen = settings.backup
    return Credentials(
        key_file=chosen.sftp_key,
        known_hosts=chosen.sftp_known_hosts,
        s3_key=chosen.s3_key.get_secret_value() if chosen.s3_key else "",
        s3_secret=chosen.s3_secret.get_secret_value() if chosen.s3_secret else "",
        s3_region=chosen.s3_region or "",
    )
