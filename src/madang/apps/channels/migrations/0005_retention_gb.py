"""Limit of the videos of a channel."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0004_chat_replay"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="retention_gb",
            field=models.PositiveIntegerField(
                blank=True,
                db_default=0,
                default=0,
                validators=[django.core.validators.MaxValueValidator(1000000)],
                verbose_name="gigabytes that videos take at most",
            ),
        ),
        migrations.AlterField(
            model_name="channel",
            name="retention_days",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(36500)],
                verbose_name="days that recordings are kept",
            ),
        ),
    ]
