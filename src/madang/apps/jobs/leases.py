"""Jobs for workers: take, renew, publish, end.

A lease is what a worker has of a job for a while. Correctness does not depend on clocks: a worker
whose lease has expired may go on until another takes the job, and from then on its epoch is old.
Machines need clocks that differ by less than a lease.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from madang.apps.jobs.errors import JobCancelled, LeaseLost
from madang.apps.jobs.models import CLAIM_ORDER, ERROR_LENGTH, Job, State
from madang.apps.jobs.signals import job_failed

T = TypeVar("T")

LEASE: Final = timedelta(seconds=30)
"""Time after which a job is taken from a worker that gave no sign."""

MOST_ATTEMPTS: Final = 5

RETRIES: Final = (10, 60, 300, 1800)
"""Seconds after each failure."""

_CANDIDATES: Final = 20
"""Jobs that are looked at in one go: as many workers may ask in the same moment."""

LOST: Final = gettext_noop("The worker ended in the middle of it.")


@dataclass(frozen=True, slots=True)
class Lease:
    """One attempt at a job."""

    job_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Report:
    """The progress of an attempt. `remaining` in seconds, None while it is unknown."""

    progress: float
    checkpoint: Mapping[str, Any]
    remaining: float | None = None


def claim(
    worker: str,
    kinds: Collection[str],
    storage: str | None,
    now: datetime,
    lasting: timedelta = LEASE,
) -> Job | None:
    """Take the job of these kinds that is due first and that `storage` suffices for; None if there
    is none."""
    due = Job.objects.filter(
        state=State.QUEUED,
        due_at__lte=now,
        kind__in=kinds,
        storage__in=["", *([storage] if storage else [])],
    )
    for job in due.order_by(*CLAIM_ORDER)[:_CANDIDATES]:
        same = Job.objects.filter(pk=job.pk, state=State.QUEUED, epoch=job.epoch)
        if same.update(
            state=State.RUNNING,
            epoch=F("epoch") + 1,
            attempt=F("attempt") + 1,
            worker=worker,
            started_at=now,
            updated_at=now,
            lease_until=now + lasting,
            remaining_seconds=None,
        ):
            job.refresh_from_db()
            return job
    return None


def renew(lease: Lease, report: Report, now: datetime, lasting: timedelta = LEASE) -> None:
    """Prolong a lease and store what was reached. Raises JobCancelled, LeaseLost."""
    if not _held(lease).update(**_values(report, now), lease_until=now + lasting):
        raise _why_not(lease)


def publish(lease: Lease, report: Report, action: Callable[[], T], now: datetime) -> T:
    """Run `action` in the transaction that has checked the lease, and return its result.

    Attempts at jobs about the same subject publish one after another. Raises JobCancelled,
    LeaseLost.
    """
    with transaction.atomic():
        hold(lease)
        result = action()
        _held(lease).update(**_values(report, now))
    return result


def hold(lease: Lease) -> None:
    """Lock all jobs about the subject for the transaction. Raises JobCancelled, LeaseLost."""
    subject = Job.objects.filter(pk=lease.job_id).values("subject")
    rows = Job.objects.select_for_update().filter(subject__in=subject).order_by("pk")
    mine = next((row for row in rows if row.pk == lease.job_id), None)
    if mine is None or mine.epoch != lease.epoch or mine.state != State.RUNNING:
        raise _why_not(lease)


def finish(lease: Lease, now: datetime) -> None:
    """Mark a job as done. Raises JobCancelled, LeaseLost."""
    values = {"state": State.DONE, "progress": 1.0, "error": "", "remaining_seconds": None}
    if not _held(lease).update(**values, **_ended(now)):
        raise _why_not(lease)


def release(lease: Lease, report: Report, now: datetime) -> None:
    """Give a job back that is to be continued, without counting the attempt."""
    _held(lease).update(
        **{**_values(report, now), "remaining_seconds": None},
        state=State.QUEUED,
        attempt=F("attempt") - 1,
        due_at=now,
        lease_until=None,
    )


@transaction.atomic
def fail(lease: Lease, report: Report, reason: str, now: datetime, *, again: bool = True) -> None:
    """Note that an attempt failed. The next follows after a back-off, unless there were
    MOST_ATTEMPTS or `again` is false; then the job has failed."""
    job = _held(lease).select_for_update().first()
    if job is not None:
        job.progress, job.checkpoint = report.progress, dict(report.checkpoint)
        _fail(job, reason, now, RETRIES, again=again)


def requeue_lost(now: datetime, *, worker: str | None = None) -> int:
    """Queue jobs whose lease has expired, or all that `worker` had; return how many there were."""
    lost = Q(lease_until__lt=now) if worker is None else Q(worker=worker)
    found = 0
    for job_id, epoch in Job.objects.filter(lost, state=State.RUNNING).values_list("pk", "epoch"):
        with transaction.atomic():
            row = Job.objects.select_for_update()
            job = row.filter(lost, pk=job_id, epoch=epoch, state=State.RUNNING).first()
            if job is not None:
                _fail(job, LOST, now, (0, *RETRIES), again=True)
                found += 1
    return found


def is_work(now: datetime) -> bool:
    """Return true where a job is due, or one is running."""
    due = Q(state=State.QUEUED, due_at__lte=now) | Q(state=State.RUNNING)
    return Job.objects.filter(due).exists()


def _fail(job: Job, reason: str, now: datetime, delays: tuple[int, ...], *, again: bool) -> None:
    job.error, job.updated_at = reason[:ERROR_LENGTH], now
    job.lease_until = job.remaining_seconds = None
    if again and job.attempt < MOST_ATTEMPTS:
        job.state = State.QUEUED
        job.due_at = now + timedelta(seconds=delays[job.attempt - 1])
        job.save()
        return
    job.state, job.ended_at = State.FAILED, now
    job.save()
    job_failed.send(Job, job=job)


def _held(lease: Lease) -> QuerySet[Job]:
    return Job.objects.filter(pk=lease.job_id, epoch=lease.epoch, state=State.RUNNING)


def _why_not(lease: Lease) -> JobCancelled | LeaseLost:
    state = Job.objects.filter(pk=lease.job_id, epoch=lease.epoch).values_list("state", flat=True)
    if state.first() == State.CANCELLED:
        return JobCancelled(_("The job was cancelled."))
    return LeaseLost(_("The job was taken by another worker."))


def _values(report: Report, now: datetime) -> dict[str, Any]:
    return {
        "progress": report.progress,
        "checkpoint": dict(report.checkpoint),
        "remaining_seconds": report.remaining,
        "updated_at": now,
    }


def _ended(now: datetime) -> dict[str, Any]:
    return {"ended_at": now, "updated_at": now, "lease_until": None}
