"""The clock of retention."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0001_initial")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="RetentionClock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seen_at", models.DateTimeField()),
                ("steps", models.JSONField(default=list)),
            ],
        ),
    ]
