"""Jobs."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from madang.recording.manifest import ID_LENGTH

ERROR_LENGTH: Final = 300


class State(models.TextChoices):
    """State of a job."""

    QUEUED = "queued", _("waits for its turn")
    RUNNING = "running", _("runs")
    DONE = "done", _("finished")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


OPEN: Final = (State.QUEUED, State.RUNNING)

CLAIM_ORDER: Final = ("-priority", "due_at", "pk")
"""Order in which jobs that are due are taken."""


class Job(models.Model):
    """Work on a subject, such as the id of a video, that survives its worker.

    `epoch` rises with each attempt and is its fencing token: whoever has an older one publishes
    nothing. `attempt` counts attempts since the job was queued by hand, without those that a worker
    gave back in order. `storage` is the id of the storage that the worker has to have; "" for any.
    `progress` is 0 to 1, `remaining_seconds` an estimate at `updated_at`. `checkpoint` is what the
    next attempt gets of the last one.
    """

    id = models.CharField(primary_key=True, max_length=ID_LENGTH, editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("about"), max_length=64)
    arguments = models.JSONField(_("arguments"), default=dict)
    storage = models.CharField(_("storage"), max_length=40, blank=True)
    priority = models.SmallIntegerField(_("priority"), default=0)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    progress = models.FloatField(_("progress"), default=0.0)
    remaining_seconds = models.FloatField(_("seconds left"), null=True)
    checkpoint = models.JSONField(default=dict)
    attempt = models.PositiveSmallIntegerField(_("attempts"), default=0)
    epoch = models.PositiveIntegerField(default=0)
    error = models.CharField(_("last error"), max_length=ERROR_LENGTH, blank=True)
    worker = models.CharField(_("worker"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    due_at = models.DateTimeField(_("not before"), default=timezone.now)
    started_at = models.DateTimeField(_("attempt began"), null=True)
    updated_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ("-created_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=models.Q(state__in=("queued", "running")),
                name="one_open_job_per_subject",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "due_at"], name="jobs_due"),
            models.Index(fields=["subject"], name="jobs_of_a_subject"),
            models.Index(fields=["-created_at", "-id"], name="jobs_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
