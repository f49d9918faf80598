"""Subtitles."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0004_trim")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Subtitles",
            fields=[
                (
                    "id",
                    models.CharField(
                        editable=False, max_length=12, primary_key=True, serialize=False
                    ),
                ),
                ("language", models.CharField(max_length=20, verbose_name="language")),
                ("label", models.CharField(max_length=60, verbose_name="name")),
                ("stream", models.PositiveSmallIntegerField(null=True)),
                ("cues", models.PositiveIntegerField(default=0)),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField()),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="subtitles",
                        to="videos.video",
                        verbose_name="video",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at", "pk"),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("video", "stream"), name="one_subtitles_of_a_stream"
                    )
                ],
            },
        ),
    ]
