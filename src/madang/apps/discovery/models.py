"""What is searched, and views that were counted."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from madang.apps.channels.models import Channel
from madang.apps.videos.models import Video


class Viewing(models.Model):
    """A view of a video that was counted, for as long as its browser counts no other.

    `browser` and `address` are hashes: the browser's own number, and where it is.
    """

    video = models.ForeignKey(Video, on_delete=models.CASCADE, related_name="+")
    browser = models.CharField(max_length=32)
    address = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["video", "browser"], name="discovery_viewing_once")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["video", "address"], name="discovery_viewings_near"),
            models.Index(fields=["at"], name="discovery_viewings_old"),
        ]

    def __str__(self) -> str:
        return f"{self.video_id} {self.browser}"


class Document(models.Model):
    """Words of a video or a channel, derived from its row; one of the two is null.

    `title` and `text` (tags and description) are normalised words with a space between,
    `title_grams` and `grams` likewise the distinct grams of the title and of both. The first
    migration makes indices of these: of FTS5, kept by triggers, on SQLite; of generated columns on
    PostgreSQL. A migration that makes the table anew on SQLite has to make the triggers anew.
    """

    video = models.OneToOneField(Video, on_delete=models.CASCADE, null=True, related_name="+")
    channel = models.OneToOneField(Channel, on_delete=models.CASCADE, null=True, related_name="+")
    at = models.DateTimeField()
    title = models.TextField()
    text = models.TextField()
    title_grams = models.TextField()
    grams = models.TextField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="discovery_newest")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(video=None) ^ models.Q(channel=None),
                name="discovery_document_of_one",
            )
        ]

    def __str__(self) -> str:
        return self.title
