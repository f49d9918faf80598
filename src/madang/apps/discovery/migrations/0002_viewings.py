"""Views of videos that were counted."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [
        ("discovery", "0001_search"),
        ("videos", "0002_retention_clock"),
    ]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Viewing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("browser", models.CharField(max_length=32)),
                ("address", models.CharField(max_length=32)),
                ("at", models.DateTimeField()),
                (
                    "video",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="videos.video",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("video", "browser"), name="discovery_viewing_once"
                    )
                ],
                "indexes": [
                    models.Index(fields=["video", "address"], name="discovery_viewings_near"),
                    models.Index(fields=["at"], name="discovery_viewings_old"),
                ],
            },
        ),
    ]
