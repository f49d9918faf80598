from django.db import migrations


class Migration(migrations.Migration):
    """Webhooks move to the app `webhooks`; their tables stay as they are."""

    dependencies = [("chat", "0002_webhooks")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.DeleteModel("WebhookDelivery"),
                migrations.DeleteModel("Webhook"),
            ]
        )
    ]
