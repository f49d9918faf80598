"""Notices."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Notice(models.Model):
    """One message to one person.

    `kind` and `subject_key` say what it is about: as long as that lasts (`resolved_at` is None) it
    is not sent again before its time. `done_at` is set once the mail server has taken it, or it was
    given up.
    """

    recipient = models.EmailField(_("to"))
    kind = models.CharField(_("kind"), max_length=40)
    subject_key = models.CharField(_("about"), max_length=200, blank=True)
    subject = models.CharField(_("subject"), max_length=200)
    text = models.TextField(_("text"))
    created_at = models.DateTimeField(_("created"))
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("last error"), max_length=300, blank=True, default="")
    sent = models.BooleanField(_("sent"), default=False)
    done_at = models.DateTimeField(_("done"), null=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ("-pk",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["done_at", "due_at"]),
            models.Index(fields=["kind", "subject_key", "recipient"]),
        ]

    def __str__(self) -> str:
        return f"{self.recipient}: {self.subject}"
