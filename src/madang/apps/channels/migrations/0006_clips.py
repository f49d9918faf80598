"""The right to make clips."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0005_retention_gb"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="clips",
            field=models.CharField(
                choices=[
                    ("off", "nobody"),
                    ("accounts", "who is signed in"),
                    ("everybody", "everybody"),
                ],
                db_default="accounts",
                default="accounts",
                max_length=12,
                verbose_name="clips",
            ),
        ),
    ]
