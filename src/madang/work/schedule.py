"""The schedule of periodic jobs. Pure: instants in, jobs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

FIRST_RETRY: Final = 1.0
"""Seconds between a failure and the next run. They double with every further failure."""

LONGEST_RETRY: Final = 10.0
"""Seconds at most, or the interval of the job, if that is longer."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that runs `interval` seconds after its last run ended, and first after `delay`.

    `stop` is called from another thread when the worker ends while `run` is at work: it makes
    `run` return soon.
    """

    name: str
    interval: float
    run: Callable[[], None]
    delay: float = 0.0
    stop: Callable[[], None] = _nothing


class Schedule:
    """Due times of jobs. A job that was taken is not due again before it is `done`."""

    def __init__(self, jobs: Sequence[Periodic], now: float) -> None:
        self._due = {job: now + job.delay for job in jobs}
        self._failures: dict[Periodic, int] = {}

    def take(self, now: float) -> Periodic | None:
        """Return the job that has been due longest, or None."""
        job = min(self._due, key=self._due.__getitem__, default=None)
        if job is None or self._due[job] > now:
            return None
        del self._due[job]
        return job

    def done(self, job: Periodic, now: float, *, failed: bool) -> None:
        """Note the end of a run. A failed job is due again after a back-off."""
        wait = job.interval
        if failed:
            failures = self._failures[job] = self._failures.get(job, 0) + 1
            wait = min(FIRST_RETRY * 2.0 ** min(failures - 1, 30), max(wait, LONGEST_RETRY))
        else:
            self._failures.pop(job, None)
        self._due[job] = now + wait

    def wait(self, now: float) -> float | None:
        """Return the seconds until a job is due; None while all are at work."""
        return max(0.0, min(self._due.values()) - now) if self._due else None
