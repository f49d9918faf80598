from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels", "0003_recording"),
    ]

    operations = [
        migrations.AddField(
            model_name="channel",
            name="chat_replay",
            field=models.BooleanField(
                db_default=True, default=True, verbose_name="chat beside videos"
            ),
        ),
    ]
