import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

MODELS = ("webhook", "webhookdelivery")


def _relabel(apps, old, new):
    # Rows, and so the permissions and log entries that refer to them, keep their keys.
    content_types = apps.get_model("contenttypes", "ContentType").objects
    for model in MODELS:
        if not content_types.filter(app_label=new, model=model).exists():
            content_types.filter(app_label=old, model=model).update(app_label=new)


def take_content_types(apps, schema_editor):
    _relabel(apps, "chat", "webhooks")


def give_content_types_back(apps, schema_editor):
    _relabel(apps, "webhooks", "chat")


class Migration(migrations.Migration):
    """Take the models over from the app `chat`. Its migration 0002 made the tables."""

    initial = True

    dependencies = [
        ("channels", "0001_initial"),
        ("chat", "0003_webhooks_move"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Webhook",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("url", models.CharField(max_length=500)),
                        ("events", models.JSONField(default=list)),
                        ("secret", models.CharField(max_length=64)),
                        ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                        (
                            "channel",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="webhooks",
                                to="channels.channel",
                            ),
                        ),
                    ],
                    options={"db_table": "chat_webhook", "ordering": ("pk",)},
                ),
                migrations.CreateModel(
                    name="WebhookDelivery",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True,
                                primary_key=True,
                                serialize=False,
                                verbose_name="ID",
                            ),
                        ),
                        ("event", models.CharField(max_length=20)),
                        ("content", models.JSONField(default=dict)),
                        ("at", models.DateTimeField()),
                        ("due_at", models.DateTimeField()),
                        ("attempts", models.PositiveSmallIntegerField(default=0)),
                        ("status", models.PositiveSmallIntegerField(default=0)),
                        ("error", models.CharField(blank=True, default="", max_length=200)),
                        ("taken", models.BooleanField(default=False)),
                        ("done_at", models.DateTimeField(null=True)),
                        (
                            "webhook",
                            models.ForeignKey(
                                on_delete=django.db.models.deletion.CASCADE,
                                related_name="deliveries",
                                to="webhooks.webhook",
                            ),
                        ),
                    ],
                    options={
                        "db_table": "chat_webhookdelivery",
                        "ordering": ("pk",),
                        "indexes": [
                            models.Index(
                                fields=["done_at", "due_at"],
                                name="chat_webhoo_done_at_b765c2_idx",
                            )
                        ],
                    },
                ),
            ]
        ),
        migrations.RunPython(take_content_types, give_content_types_back),
    ]
