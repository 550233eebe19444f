from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('runbooks', '0030_alert_absence'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='alertsilence',
            index=models.Index(fields=['state', 'ends_at'], name='alert_silence_state'),
        ),
    ]
