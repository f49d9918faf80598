"""Uploads. The data is in the storage, in a folder that is named by the id."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import TITLE_LENGTH, Channel
from madang.recording.manifest import ID_LENGTH

UPLOAD_ID_LENGTH = 64
FILENAME_LENGTH = 255


class State(models.TextChoices):
    """State of an upload. All after `COMPLETE` have no data any more; a complete one has it until
    its video is made."""

    ACTIVE = "active", _("is being sent")
    COMPLETE = "complete", _("complete")
    JOINED = "joined", _("joined with other parts")
    TERMINATED = "terminated", _("deleted")
    EXPIRED = "expired", _("expired")
    FAILED = "failed", _("failed")


class Upload(models.Model):
    """An upload. Sizes in bytes; `length` is null until it is known. `partial`: one of several
    parts of a file, which belong to no channel. `replaces`: it takes the place of the files of its
    video."""

    id = models.CharField(primary_key=True, max_length=UPLOAD_ID_LENGTH, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="uploads",
        verbose_name=_("account"),
    )
    channel = models.ForeignKey(
        Channel,
        on_delete=models.CASCADE,
        related_name="uploads",
        null=True,
        verbose_name=_("channel"),
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.ACTIVE)
    partial = models.BooleanField(default=False)
    filename = models.CharField(_("file name"), max_length=FILENAME_LENGTH, blank=True)
    title = models.CharField(_("title"), max_length=TITLE_LENGTH, blank=True)
    length = models.PositiveBigIntegerField(_("size"), null=True)
    offset = models.PositiveBigIntegerField(_("received"), default=0)
    replaces = models.BooleanField(default=False, db_default=False)
    video_id = models.CharField(_("video"), max_length=ID_LENGTH)
    created_at = models.DateTimeField(_("begun"))
    updated_at = models.DateTimeField(_("last change"))
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        ordering = ("-created_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at", "-id"], name="uploads_of_a_person"),
            models.Index(fields=["state"], name="uploads_by_state"),
        ]

    def __str__(self) -> str:
        return self.filename or self.id


class ImportedFile(models.Model):
    """A file of this machine that was imported into a channel, so that it becomes one video.

    `fingerprint` is that of its bytes; `upload_id` and `video_id` are of the last import.
    """

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="imported_files")
    fingerprint = models.CharField(max_length=64)
    upload_id = models.CharField(max_length=UPLOAD_ID_LENGTH)
    video_id = models.CharField(max_length=ID_LENGTH)

    class Meta:
        verbose_name = _("imported file")
        verbose_name_plural = _("imported files")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["channel", "fingerprint"], name="one_import_of_a_file"),
        ]

    def __str__(self) -> str:
        return self.upload_id
