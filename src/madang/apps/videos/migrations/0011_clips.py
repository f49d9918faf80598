"""Clips."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0010_publish_at")]

    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="video",
            name="clip_of",
            field=models.CharField(blank=True, db_default="", default="", max_length=12),
        ),
        migrations.AddField(
            model_name="video", name="clip_start", field=models.FloatField(null=True)
        ),
        migrations.AddField(
            model_name="video", name="clip_end", field=models.FloatField(null=True)
        ),
        migrations.AddField(
            model_name="video",
            name="clip_maker",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(kind="clip"),
                fields=["clip_maker", "created_at"],
                name="clips_of_a_maker",
            ),
        ),
    ]
