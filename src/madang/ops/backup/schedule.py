"""When a backup is due and whether all is well with them. Pure: instants in, answers out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final

from madang.ops.backup.model import moment
from madang.ops.backup.state import State

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

RETRY: Final = timedelta(hours=1)
"""After a failure: long enough for a server to come back, often enough for the same night."""

OLD: Final = timedelta(days=2)
"""A nightly backup that is older has failed twice."""

UNPROVEN: Final = timedelta(days=9)
"""A weekly verification that is older was missed, with two days to notice and mend."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Every day at `at` in the time zone `zone`; verified after that on one `weekday`, 0 to 6."""

    at: time
    weekday: int
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Health:
    """Whether backups are as they should be, in words; `mend` is empty where `ok`."""

    ok: bool
    detail: str
    mend: str = ""


def backup_due(state: State, schedule: Schedule, now: datetime) -> bool:
    """Whether a backup is to be taken now; `now` has a time zone."""
    if _reached(state.tried or state.since, _last(schedule, now, None)):
        return True
    failed = bool(state.error) and bool(state.tried)
    return failed and now - moment(state.tried) >= RETRY


def verification_due(state: State, schedule: Schedule, now: datetime) -> bool:
    """Whether the newest backup is to be verified now."""
    if not state.taken:
        return False
    return _reached(state.checked or state.since, _last(schedule, now, schedule.weekday))


def judge(state: State, now: datetime) -> Health:
    """What `madang doctor` says."""
    if state.check_error:
        return Health(False, state.check_error, "see the guide, page Backups: a damaged backup")
    if state.error:
        return Health(False, f"the last backup failed: {state.error}", "then: madang backup now")
    if not state.taken:
        return Health(True, "none yet")
    taken = now - moment(state.taken)
    if taken > OLD:
        return Health(
            False,
            f"the newest backup is {_days(taken)} old",
            "let the station run at the hour of backup.daily_at, or: madang backup now",
        )
    proven = now - moment(state.verified or state.since or state.taken)
    if proven > UNPROVEN:
        return Health(
            False, f"no backup was verified for {_days(proven)}", "run: madang backup verify"
        )
    verified = f"verified {_days(proven)} ago" if state.verified else "not verified yet"
    return Health(True, f"the newest is {_days(taken)} old; {verified}")


def _reached(since: str, occurrence: datetime) -> bool:
    return bool(since) and moment(since) < occurrence


def _last(schedule: Schedule, now: datetime, weekday: int | None) -> datetime:
    """The newest occurrence that is not after `now`."""
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
