"""API of jobs: for administrators, and for owners those about what they own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from ninja import Query, Router, Schema

from madang.apps.accounts.tokens import caller, session_or_token
from madang.apps.api import PAGE_SIZE, Cursor, Limit, page_newest
from madang.apps.jobs import services
from madang.apps.jobs.cards import card
from madang.apps.jobs.errors import NoSuchJob
from madang.apps.jobs.models import Job
from madang.apps.jobs.subjects import visible_to

router = Router(tags=["jobs"])

StateName = Literal["queued", "running", "done", "failed", "cancelled"]


class JobView(Schema):
    """A job. `subject` is the id of what it is about, `progress` is 0 to 1; `remaining_seconds` is
    an estimate, null while it is unknown."""

    id: str
    kind: str
    subject: str
    state: StateName
    progress: float
    attempt: int
    error: str
    remaining_seconds: float | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class JobPage(Schema):
    """Part of a list of jobs, the newest first."""

    items: list[JobView]
    next_cursor: str | None


_READS = session_or_token("read", "manage")
_CHANGES = session_or_token("manage")


@router.get("/jobs", auth=_READS, response=JobPage, summary="Jobs, the newest first")
def jobs(
    request: HttpRequest,
    state: Annotated[StateName | None, Query(description="only in this state")] = None,
    subject: Annotated[
        str | None, Query(description="only about this, such as a video", pattern=r"^[!-~]{1,64}$")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_SIZE,
) -> JobPage:
    """Return jobs about videos of the caller; all for administrators."""
    entries = visible_to(caller(request))
    if state is not None:
        entries = entries.filter(state=state)
    if subject is not None:
        entries = entries.filter(subject=subject)
    found, following = page_newest(entries, "created_at", cursor, limit)
    return JobPage(items=[_view(job) for job in found], next_cursor=following)


@router.get("/jobs/{job_id}", auth=_READS, response=JobView, summary="One job")
def job(request: HttpRequest, job_id: str) -> JobView:
    """Return a job."""
    return _view(_visible(request, job_id))


@router.post("/jobs/{job_id}/cancel", auth=_CHANGES, response=JobView, summary="Cancel a job")
def cancel(request: HttpRequest, job_id: str) -> JobView:
    """Cancel a job; what runs of it ends within seconds."""
    return _view(services.cancel(_visible(request, job_id).pk))


@router.post("/jobs/{job_id}/retry", auth=_CHANGES, response=JobView, summary="Try a job again")
def retry(request: HttpRequest, job_id: str) -> JobView:
    """Queue a job again that has failed or was cancelled."""
    return _view(services.retry(_visible(request, job_id).pk))


def _visible(request: HttpRequest, job_id: str) -> Job:
    found = visible_to(caller(request)).filter(pk=job_id).first() if "\0" not in job_id else None
    if found is None:
        raise NoSuchJob(format_lazy(_("There is no job {job}."), job=job_id))
    return found


def _view(job: Job) -> JobView:
    return JobView.from_orm(card(job))
