"""Jobs as people and programs see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext

from madang.apps.jobs.models import Job, State


@dataclass(frozen=True, slots=True)
class JobCard:
    """Public fields of a job; see Job. `remaining_seconds` is an estimate, None if unknown."""

    id: str
    kind: str
    subject: str
    state: str
    progress: float
    attempt: int
    error: str
    remaining_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


def card(job: Job, now: datetime | None = None) -> JobCard:
    """Return the public fields of a job, the last error in the reader's language."""
    remaining = job.remaining_seconds if job.state == State.RUNNING else None
    if remaining is not None:
        remaining -= ((now or timezone.now()) - job.updated_at).total_seconds()
        remaining = round(max(remaining, 0.0), 1)
    return JobCard(
        id=job.pk,
        kind=job.kind,
        subject=job.subject,
        state=job.state,
        progress=round(job.progress, 4),
        attempt=job.attempt,
        error=gettext(job.error) if job.error else "",
        remaining_seconds=remaining,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )
