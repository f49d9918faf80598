"""Settings, messages, sanctions, actions of moderators, and emotes of chats."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from madang.apps.channels.models import Channel
from madang.chat.ids import LENGTH
from madang.chat.people import is_address

PERSON_LENGTH = 24


class ChatSettings(models.Model):
    """Settings of one channel's chat; without a row, the defaults hold."""

    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, related_name="chat")
    slow = models.PositiveIntegerField(default=0)
    members_only = models.BooleanField(default=False)
    emote_only = models.BooleanField(default=False)
    guests = models.BooleanField(default=True)
    links = models.CharField(
        max_length=10,
        default="all",
        choices=[(name, name) for name in ("off", "moderators", "all")],
    )
    words = models.JSONField(default=list, blank=True)
    retention_days = models.PositiveIntegerField(default=90)
    pinned = models.JSONField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.channel_id)


class Moderator(models.Model):
    """A moderator of a channel's chat."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="moderators")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="moderates"
    )
    by = models.CharField(max_length=32)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("user__name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("channel", "user", name="moderator_of_a_channel_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.channel_id}"


class ChatMessage(models.Model):
    """One message. `key` sorts by the time of sending; `deleted_by` is the key of an action."""

    key = models.CharField(max_length=LENGTH, unique=True)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="messages")
    at = models.DateTimeField()
    person = models.CharField(max_length=PERSON_LENGTH)
    name = models.CharField(max_length=32)
    role = models.CharField(max_length=10)
    bot = models.BooleanField(default=False)
    text = models.CharField(max_length=500)
    reply_to = models.JSONField(null=True)
    deleted_by = models.CharField(max_length=LENGTH, blank=True, default="")

    class Meta:
        ordering = ("key",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["channel", "key"]),
            models.Index(fields=["channel", "person", "key"]),
            models.Index(fields=["channel", "at"]),
            models.Index(
                fields=["channel", "at", "deleted_by"],
                name="chat_deleted_of_a_show",
                condition=~models.Q(deleted_by=""),
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ChatAct(models.Model):
    """An action of a moderator; `detail` is for the log and for undoing it."""

    key = models.CharField(max_length=LENGTH, unique=True)
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="chat_acts")
    at = models.DateTimeField()
    by = models.CharField(max_length=PERSON_LENGTH)
    by_name = models.CharField(max_length=32)
    kind = models.CharField(max_length=16)
    person = models.CharField(max_length=PERSON_LENGTH, blank=True, default="")
    name = models.CharField(max_length=32, blank=True, default="")
    seconds = models.PositiveIntegerField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")
    detail = models.JSONField(default=dict)
    undone_by = models.CharField(max_length=32, blank=True, default="")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-key",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["channel", "-key"])]

    def __str__(self) -> str:
        return self.key


class Sanction(models.Model):
    """A ban (`until` is null) or a time-out in force or past, of a person or of all guests of an
    address."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="sanctions")
    person = models.CharField(max_length=PERSON_LENGTH)
    name = models.CharField(max_length=32)
    by_name = models.CharField(max_length=32)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        ordering = ("-at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("channel", "person", name="one_sanction_per_person")
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.channel_id}"

    @property
    def is_address(self) -> bool:
        """True if `person` stands for all guests of an address."""
        return is_address(self.person)


class Emote(models.Model):
    """A small picture of the station (`channel` is null) or of a channel."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, null=True, related_name="emotes")
    name = models.CharField(max_length=32)
    digest = models.CharField(max_length=32)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()
    picture = models.BinaryField()
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["digest"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("channel", "name", name="one_emote_per_name_of_a_channel"),
            models.UniqueConstraint(
                "name",
                name="one_emote_per_name_of_the_station",
                condition=models.Q(channel=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name
