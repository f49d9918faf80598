"""Schedule and health of backups. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from madang.ops.backup.model import BackupState, parse_rfc3339

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

RETRY_AFTER: Final = timedelta(hours=1)
"""Delay after a failure: a server can recover, and the same night has several attempts."""

MAX_AGE: Final = timedelta(days=2)
"""A newest backup older than this means two failed nights."""

MAX_UNVERIFIED: Final = timedelta(days=9)
"""A newest verification older than this was missed, with two days to react."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Daily at `at` in `zone`, with a verification after it on one `weekday` (0 is Monday)."""

    at: time
    weekday: int
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class BackupHealth:
    """State of the backups in words; `mend` is empty where `ok`."""

    ok: bool
    detail: str
    mend: str = ""


def backup_due(state: BackupState, schedule: Schedule, now: datetime) -> bool:
    """Return true if a backup is due; `now` has a time zone."""
    if _occurred_since(state.tried or state.since, _last_occurrence(schedule, now, None)):
        return True
    failed = bool(state.error) and bool(state.tried)
    return failed and now - parse_rfc3339(state.tried) >= RETRY_AFTER


def verification_due(state: BackupState, schedule: Schedule, now: datetime) -> bool:
    """Return true if the newest backup is due for verification."""
    if not state.taken:
        return False
    return _occurred_since(
        state.checked or state.since, _last_occurrence(schedule, now, schedule.weekday)
    )


def assess(state: BackupState, now: datetime) -> BackupHealth:
    """Return the health that `madang doctor` shows."""
    if state.check_error:
        return BackupHealth(
            False, state.check_error, "see the guide, page Backups: a damaged backup"
        )
    if state.error:
        return BackupHealth(
            False, f"the last backup failed: {state.error}", "then: madang backup now"
        )
    if not state.taken:
        if state.since and now - parse_rfc3339(state.since) > MAX_AGE:
            return BackupHealth(False, "no backup was ever taken", "run: madang backup now")
        return BackupHealth(True, "none yet")
    age = now - parse_rfc3339(state.taken)
    if age > MAX_AGE:
        return BackupHealth(
            False,
            f"the newest backup is {_days(age)} old",
            "let the station run at the hour of backup.daily_at, or: madang backup now",
        )
    unverified_for = now - parse_rfc3339(state.verified or state.since or state.taken)
    if unverified_for > MAX_UNVERIFIED:
        return BackupHealth(
            False,
            f"no backup was verified for {_days(unverified_for)}",
            "run: madang backup verify",
        )
    verified = f"verified {_days(unverified_for)} ago" if state.verified else "not verified yet"
    return BackupHealth(True, f"the newest is {_days(age)} old; {verified}")


def _occurred_since(since: str, occurrence: datetime) -> bool:
    return bool(since) and parse_rfc3339(since) < occurrence


def _last_occurrence(schedule: Schedule, now: datetime, weekday: int | None) -> datetime:
    """Return the newest occurrence that is not after `now`."""
    local = now.astimezone(schedule.zone)
    day = local.date()
    if weekday is not None:
        day -= timedelta(days=(local.weekday() - weekday) % 7)
    at = datetime.combine(day, schedule.at, schedule.zone)
    if at > now:
        at = datetime.combine(
            day - timedelta(days=1 if weekday is None else 7), schedule.at, schedule.zone
        )
    return at


def _days(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
