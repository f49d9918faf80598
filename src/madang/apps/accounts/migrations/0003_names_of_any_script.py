from django.db import migrations, models

import madang.apps.accounts.models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_api_tokens")]

    operations = [
        migrations.AlterField(
            model_name="user",
            name="name",
            field=models.CharField(
                max_length=32,
                validators=[madang.apps.accounts.models.validate_name],
                verbose_name="name",
            ),
        )
    ]
