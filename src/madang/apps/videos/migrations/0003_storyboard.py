"""Videos with a storyboard."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("videos", "0002_retention_clock")]

    operations: ClassVar[list[Any]] = [
        migrations.AddField(
            model_name="video",
            name="storyboard",
            field=models.BooleanField(default=False, db_default=False),
        ),
    ]
