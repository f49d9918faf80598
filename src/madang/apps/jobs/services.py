"""Jobs for those who want work done: queue, cancel, retry, look up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias, Union

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from madang.apps.ids import new_id
from madang.apps.jobs.errors import NoSuchJob, UnfitJobState
from madang.apps.jobs.models import CLAIM_ORDER, OPEN, Job, State
from madang.apps.jobs.signals import job_cancelled, job_retried

JSON: TypeAlias = Union[str, int, float, bool, "list[JSON]", "dict[str, JSON]", None]

RETENTION: Final = timedelta(days=30)
"""Time for which jobs that have ended stay in the list."""

_PLACES: Final = 1000
"""Jobs whose place in the queue is told."""


def enqueue(
    kind: str,
    subject: str,
    arguments: Mapping[str, JSON] | None = None,
    *,
    priority: int = 0,
    storage: str = "",
    not_before: datetime | None = None,
) -> Job:
    """Queue a job, in the caller's transaction if there is one, and return it.

    While one of the same kind and subject is queued or running, that one is returned. Higher
    priorities run first. `storage` is the id of the storage whose files it needs
    (`madang.infra.storage.storage_id`).
    """
    now = timezone.now()
    while True:
        job = Job(
            id=new_id(),
            kind=kind,
            subject=subject,
            arguments=dict(arguments or {}),
            priority=priority,
            storage=storage,
            created_at=now,
            updated_at=now,
            due_at=not_before or now,
        )
        Job.objects.bulk_create([job], ignore_conflicts=True)
        found = Job.objects.filter(kind=kind, subject=subject, state__in=OPEN).first()
        if found is not None:  # None: it ended between the two
            return found


def find(job_id: str) -> Job:
    """Return a job. Raises NoSuchJob."""
    found = Job.objects.filter(pk=job_id).first() if "\0" not in job_id else None
    if found is None:
        raise NoSuchJob(format_lazy(_("There is no job {job}."), job=job_id))
    return found


def of_subject(subject: str) -> list[Job]:
    """Return the jobs about a subject, the newest first."""
    return list(Job.objects.filter(subject=subject))


def of_subjects(subjects: Collection[str]) -> dict[str, list[Job]]:
    """Return the jobs about each of several subjects that has any, the newest first."""
    found: defaultdict[str, list[Job]] = defaultdict(list)
    for job in Job.objects.filter(subject__in=subjects):
        found[job.subject].append(job)
    return found


def places(kinds: Collection[str], now: datetime) -> dict[str, int]:
    """Return how many are before each job that is due, of those of its kind; the jobs by id."""
    due = Job.objects.filter(state=State.QUEUED, due_at__lte=now, kind__in=kinds)
    before: Counter[str] = Counter()
    found = {}
    for job_id, kind in due.order_by(*CLAIM_ORDER).values_list("pk", "kind")[:_PLACES]:
        found[job_id] = before[kind]
        before[kind] += 1
    return found


def kinds_running(now: datetime) -> set[str]:
    """Return the kinds of jobs that workers are doing."""
    running = Job.objects.filter(state=State.RUNNING, lease_until__gte=now)
    return set(running.order_by().values_list("kind", flat=True).distinct())


def listed(*, state: str | None = None, kind: str | None = None) -> QuerySet[Job]:
    """Return jobs, the newest first."""
    found = Job.objects.all()
    if state is not None:
        found = found.filter(state=state)
    return found.filter(kind=kind) if kind is not None else found


def counts() -> dict[str, int]:
    """Return the numbers of jobs that are queued, running and failed."""
    numbers = dict(Job.objects.values_list("state").annotate(Count("pk")).order_by())
    return {state.value: numbers.get(state, 0) for state in (*OPEN, State.FAILED)}


@transaction.atomic
def cancel(job_id: str, *, now: datetime | None = None) -> Job:
    """Cancel a job; its worker ends what runs within seconds. Raises NoSuchJob, UnfitJobState."""
    job = _locked(job_id)
    if job.state not in {*OPEN, State.CANCELLED}:
        raise UnfitJobState(format_lazy(_("The job {job} has ended already."), job=job_id))
    if _cancel(Job.objects.filter(pk=job.pk), now or timezone.now()):
        job.refresh_from_db()
        job_cancelled.send(Job, job=job)
    return job


def cancel_subject(subject: str, *, kind: str | None = None, now: datetime | None = None) -> int:
    """Cancel all jobs about a subject, or those of a kind, in the caller's transaction if there is
    one; return how many were open."""
    rows = Job.objects.filter(subject=subject)
    rows = rows if kind is None else rows.filter(kind=kind)
    return _cancel(rows, now or timezone.now())


@transaction.atomic
def retry(job_id: str, *, now: datetime | None = None) -> Job:
    """Queue a job again that has failed or was cancelled, from its beginning.

    Raises NoSuchJob, UnfitJobState.
    """
    at = now or timezone.now()
    job = _locked(job_id)
    if job.state not in {State.FAILED, State.CANCELLED}:
        raise UnfitJobState(
            format_lazy(_("The job {job} has not failed and was not cancelled."), job=job_id)
        )
    if Job.objects.filter(kind=job.kind, subject=job.subject, state__in=OPEN).exists():
        raise UnfitJobState(
            format_lazy(_("The same is queued already, after the job {job}."), job=job_id)
        )
    _restart(job, at)
    job_retried.send(Job, job=job)
    return job


@transaction.atomic
def resume_subject(subject: str, since: datetime, *, now: datetime | None = None) -> int:
    """Queue again what was cancelled about a subject from `since` on; return how many there were.

    The opposite of `cancel_subject`.
    """
    at = now or timezone.now()
    rows = Job.objects.select_for_update().filter(subject=subject).order_by("pk")
    jobs = list(rows)
    open_kinds = {job.kind for job in jobs if job.state in OPEN}
    resumed = 0
    for job in sorted(jobs, key=lambda job: job.created_at, reverse=True):
        ended = job.ended_at if job.state == State.CANCELLED else None
        if ended is not None and ended >= since and job.kind not in open_kinds:
            _restart(job, at)
            open_kinds.add(job.kind)
            resumed += 1
    return resumed


def delete_ended(now: datetime) -> int:
    """Delete jobs that ended RETENTION ago; return how many."""
    deleted, _by_model = Job.objects.filter(ended_at__lt=now - RETENTION).delete()
    return deleted


def _cancel(jobs: QuerySet[Job], now: datetime) -> int:
    return jobs.filter(state__in=OPEN).update(
        state=State.CANCELLED, ended_at=now, updated_at=now, lease_until=None
    )


def _restart(job: Job, now: datetime) -> None:
    job.state, job.attempt, job.error = State.QUEUED, 0, ""
    job.progress, job.checkpoint, job.remaining_seconds = 0.0, {}, None
    job.due_at = job.updated_at = now
    job.started_at = job.ended_at = job.lease_until = None
    job.save()


def _locked(job_id: str) -> Job:
    find(job_id)
    return Job.objects.select_for_update().get(pk=job_id)
