"""Records of shows."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from madang.apps.channels.models import TITLE_LENGTH, Channel


class EndReason(models.TextChoices):
    """Reason of the end of a show."""

    FINISHED = "finished", _("the encoder ended it")
    LOST = "lost", _("the encoder was lost and did not come back")
    DISCONNECTED = "disconnected", _("the station disconnected the encoder")
    SHUTDOWN = "shutdown", _("the station was shut down")
    CRASHED = "crashed", _("the station stopped without a word")


class Broadcast(models.Model):
    """A show. Sizes in bytes; `viewer_seconds` is the total time watched by all viewers."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="broadcasts")
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    began_at = models.DateTimeField(_("began"))
    seen_at = models.DateTimeField(_("last news"))
    ended_at = models.DateTimeField(_("ended"), null=True)
    end_reason = models.CharField(_("ending"), max_length=16, choices=EndReason.choices, blank=True)
    peak_viewers = models.PositiveIntegerField(_("most viewers"), default=0)
    viewer_seconds = models.FloatField(_("seconds watched"), default=0.0)
    bytes_in = models.PositiveBigIntegerField(_("received"), default=0)
    bytes_out = models.PositiveBigIntegerField(_("sent"), default=0)
    codecs = models.CharField(_("codecs"), max_length=200, blank=True)
    disconnects = models.PositiveIntegerField(_("interruptions"), default=0)

    class Meta:
        verbose_name = _("broadcast")
        verbose_name_plural = _("broadcasts")
        ordering = ("-began_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "-began_at"]),
            models.Index(fields=["ended_at"]),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                name="a_reason_exactly_when_ended",
                condition=models.Q(ended_at=None, end_reason="")
                | (models.Q(ended_at__isnull=False) & ~models.Q(end_reason="")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel_id} {self.began_at:%Y-%m-%d %H:%M}"

    @property
    def duration(self) -> timedelta:
        """Duration of the show, until `seen_at` if it has not ended."""
        return (self.ended_at or self.seen_at) - self.began_at

    @property
    def mean_viewers(self) -> float:
        """Mean number of viewers over the whole show."""
        seconds = self.duration.total_seconds()
        return self.viewer_seconds / seconds if seconds > 0 else 0.0
