"""Times at which videos become public."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0009_bulk_change")]

    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="video",
            name="publish_at",
            field=models.DateTimeField(null=True, verbose_name="becomes public"),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(publish_at__isnull=False),
                fields=["publish_at"],
                name="videos_to_publish",
            ),
        ),
    ]
