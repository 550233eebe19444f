from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sessions_app', '0009_what_is_open_and_given_up'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='inbox',
            index=models.Index(condition=models.Q(('raw', ''), _negated=True), fields=['received_at'], name='inbox_text'),
        ),
    ]
