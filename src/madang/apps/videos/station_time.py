"""Time that the station has seen pass, which is what retention counts.

A clock that is set a year ahead makes every video a year older at once. Steps of the clock between
two runs of retention that are longer than LONGEST_STEP, in either direction, are remembered, and
what is beyond it does not count as age.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from madang.apps.videos.models import RetentionClock

LONGEST_STEP: Final = timedelta(hours=24)
"""Time between two runs that counts in full: of a longer one nobody knows whether the station was
off, or the clock was set."""

REMEMBERED: Final = 200
"""Steps that are remembered."""


@dataclass(frozen=True, slots=True)
class StationTime:
    """The time `now`, and the steps that do not count: when they began, and how long they were."""

    now: datetime
    steps: tuple[tuple[datetime, timedelta], ...] = ()

    def passed(self, since: datetime) -> timedelta:
        """Return the time that the station has seen pass since then."""
        uncounted = sum((length for at, length in self.steps if at >= since), timedelta())
        return self.now - since - uncounted

    def has_passed(self, time: timedelta, since: datetime) -> bool:
        """Return whether the station has seen `time` pass since then."""
        return self.passed(since) >= time


@transaction.atomic
def advance(now: datetime) -> StationTime:
    """Note that it is `now`, and return the time that counts."""
    clock, _ = RetentionClock.objects.select_for_update().get_or_create(defaults={"seen_at": now})
    time = _step(clock, now)
    clock.save()
    return time


def current(now: datetime) -> StationTime:
    """Return the time that counts, without noting it."""
    return _step(RetentionClock.objects.first() or RetentionClock(seen_at=now, steps=[]), now)


def _step(clock: RetentionClock, now: datetime) -> StationTime:
    """Let a clock show `now`, and return the time that counts."""
    step = now - clock.seen_at
    if abs(step) > LONGEST_STEP:
        beyond = step - LONGEST_STEP if step > timedelta() else step + LONGEST_STEP
        clock.steps.append([clock.seen_at.timestamp(), beyond.total_seconds()])
    clock.steps = clock.steps[-REMEMBERED:]
    clock.seen_at = now
    steps = (
        (datetime.fromtimestamp(at, now.tzinfo), timedelta(seconds=length))
        for at, length in clock.steps
    )
    return StationTime(now, tuple(steps))
