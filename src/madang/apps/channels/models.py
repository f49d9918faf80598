"""Channels, and the stream keys to publish to them."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]{1,39}\Z"
TITLE_LENGTH = 140
DESCRIPTION_LENGTH = 5000
MAX_RETENTION_DAYS = 36_500
MAX_RETENTION_GB = 1_000_000


def station_language() -> str:
    """Return the default language of a channel."""
    return settings.LANGUAGE_CODE


class Record(models.TextChoices):
    """Choice of a channel: which of its shows are kept as videos."""

    DEFAULT = "", _("as the station does")
    ALWAYS = "always", _("every show")
    NEVER = "never", _("no show")
    ASK = "ask", _("ask me after each show")


class Clips(models.TextChoices):
    """People who may make clips of a channel's shows and videos, besides those who run it."""

    OFF = "off", _("nobody")
    ACCOUNTS = "accounts", _("who is signed in")
    EVERYBODY = "everybody", _("everybody")


class Channel(models.Model):
    """A channel at `/@slug`, where its owner publishes.

    `retention_days` is how long its recordings are kept; 0: for ever, None: as the station does.
    `retention_gb` is what its videos take at most, in decimal gigabytes; 0: without limit.
    `chat_replay`: videos of shows have their chat beside them. `clips`: who may make clips.
    """

    slug = models.CharField(
        _("address"),
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(
                SLUG_PATTERN,
                _("2 to 40 lower-case Latin letters, digits, - or _, and no sign at the beginning"),
            )
        ],
    )
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    description = models.TextField(_("description"), blank=True, max_length=DESCRIPTION_LENGTH)
    language = models.CharField(
        _("language"), max_length=8, choices=settings.LANGUAGES, default=station_language
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="channels",
        verbose_name=_("owner"),
    )
    # The version before, which runs beside this one during an upgrade, knows no such column.
    record = models.CharField(
        _("what is kept"),
        max_length=8,
        choices=Record.choices,
        blank=True,
        default=Record.DEFAULT,
        db_default=Record.DEFAULT,
    )
    retention_days = models.PositiveIntegerField(
        _("days that recordings are kept"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(MAX_RETENTION_DAYS)],
    )
    retention_gb = models.PositiveIntegerField(
        _("gigabytes that videos take at most"),
        default=0,
        db_default=0,
        blank=True,
        validators=[MaxValueValidator(MAX_RETENTION_GB)],
    )
    chat_replay = models.BooleanField(_("chat beside videos"), default=True, db_default=True)
    clips = models.CharField(
        _("clips"),
        max_length=12,
        choices=Clips.choices,
        default=Clips.ACCOUNTS,
        db_default=Clips.ACCOUNTS,
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.slug


class StreamKey(models.Model):
    """A stream key; only a hash is stored."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="keys")
    key_id = models.CharField(_("identifier"), max_length=16, unique=True, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        verbose_name = _("stream key")
        verbose_name_plural = _("stream keys")
        ordering = ("-created_at", "-pk")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["channel", "revoked_at"])]

    def __str__(self) -> str:
        return self.key_id


class EncoderRefusal(models.Model):
    """Attempts of one encoder to publish to a channel that were refused, for the studio."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="refusals")
    reason = models.CharField(max_length=16)
    address = models.CharField(max_length=45)
    encoder = models.CharField(max_length=80, blank=True)
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        ordering = ("-last_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["channel", "reason", "address"], name="channels_refusal_of_an_encoder"
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.address} ({self.reason})"
