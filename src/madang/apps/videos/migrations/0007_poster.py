"""Posters that were chosen."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0006_tags")]

    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="video", name="poster_at", field=models.DateTimeField(null=True)
        ),
        migrations.CreateModel(
            name="Poster",
            fields=[
                (
                    "video",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="poster",
                        serialize=False,
                        to="videos.video",
                    ),
                ),
                ("picture", models.BinaryField()),
            ],
        ),
    ]
