from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0003_webhooks_move"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="chatmessage",
            index=models.Index(
                condition=models.Q(("deleted_by", ""), _negated=True),
                fields=["channel", "at", "deleted_by"],
                name="chat_deleted_of_a_show",
            ),
        ),
    ]
