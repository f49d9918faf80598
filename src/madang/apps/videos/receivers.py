"""Receivers of signals: videos fail with their jobs, wait again where one is tried again, and get
pictures for the seek bar once they are ready."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_noop

from madang.apps.jobs.models import Job
from madang.apps.jobs.services import enqueue
from madang.apps.videos import services
from madang.apps.videos.jobs import PREPARE, STORYBOARD
from madang.apps.videos.models import Video
from madang.infra.storage import storage_id

CANCELLED: Final = gettext_noop("Its preparation was cancelled.")

_LOW: Final = -10
"""Priority of what nobody waits for."""


def job_failed(job: Job, **_: Any) -> None:
    """Fail an upload that was being prepared: the worker may have died, and cannot tell."""
    services.fail_upload(job.subject, job.error)


def job_cancelled(job: Job, **_: Any) -> None:
    """Fail an upload whose preparation somebody cancelled."""
    services.fail_upload(job.subject, CANCELLED)


def job_retried(job: Job, **_: Any) -> None:
    """Let an upload wait whose preparation is tried again, but not what another file replaces."""
    if job.kind == PREPARE and not job.arguments.get("replaces"):
        services.requeue_upload(job.subject)


def video_ready(video: Video, **_: Any) -> None:
    """Queue the drawing of the storyboard."""
    storage = storage_id(settings.MADANG_MEDIA_FOLDER) or ""
    enqueue(STORYBOARD, video.pk, priority=_LOW, storage=storage)
