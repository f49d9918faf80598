"""Start and end of a video can be moved."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("videos", "0003_storyboard")]

    operations: ClassVar = [
        migrations.AddField("video", "trim_start", models.FloatField(null=True)),
        migrations.AddField("video", "trim_end", models.FloatField(null=True)),
        migrations.AddField("video", "trim_view", models.JSONField(null=True)),
        migrations.AddField("video", "untrimmed", models.JSONField(null=True)),
    ]
