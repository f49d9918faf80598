"""Receivers of signals of jobs: videos fail with them, and wait again where one is tried again."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_noop

from madang.apps.jobs.models import Job
from madang.apps.videos import services

CANCELLED: Final = gettext_noop("Its preparation was cancelled.")


def job_failed(job: Job, **_: Any) -> None:
    """Fail an upload that was being prepared: the worker may have died, and cannot tell."""
    services.fail_upload(job.subject, job.error)


def job_cancelled(job: Job, **_: Any) -> None:
    """Fail an upload whose preparation somebody cancelled."""
    services.fail_upload(job.subject, CANCELLED)


def job_retried(job: Job, **_: Any) -> None:
    """Let an upload wait whose preparation is tried again."""
    services.requeue_upload(job.subject)
