"""Account of the videos that went to the bin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0007_poster")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Removal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("video_id", models.CharField(max_length=12, verbose_name="video")),
                ("channel", models.CharField(max_length=40, verbose_name="channel")),
                ("title", models.CharField(max_length=140, verbose_name="title")),
                ("bytes", models.PositiveBigIntegerField(verbose_name="size")),
                ("views", models.PositiveBigIntegerField(verbose_name="views")),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("hand", "deleted by hand"),
                            ("unanswered", "nobody answered whether to keep it"),
                            ("age", "over its age"),
                            ("views", "too few have watched it"),
                            ("channel_space", "too little room for the channel"),
                            ("space", "too little room"),
                        ],
                        max_length=16,
                        verbose_name="reason",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="time")),
                ("restored_at", models.DateTimeField(null=True, verbose_name="taken out")),
                ("files_deleted_at", models.DateTimeField(null=True, verbose_name="files deleted")),
            ],
            options={
                "verbose_name": "removal of a video",
                "verbose_name_plural": "removals of videos",
                "ordering": ("-at", "-pk"),
                "indexes": [
                    models.Index(fields=["video_id"], name="removals_of_a_video"),
                    models.Index(fields=["-at", "-id"], name="removals_newest"),
                ],
            },
        ),
    ]
