from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('runbooks', '0031_silences_that_end'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='alertgroup',
            index=models.Index(fields=['state', 'resolved_at'], name='alert_group_ended'),
        ),
        migrations.AddIndex(
            model_name='alertstorm',
            index=models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='alert_storm_ended'),
        ),
    ]
