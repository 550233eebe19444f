from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('sessions_app', '0010_updates_with_text'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='contact',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['seen_at'], name='contact_pending'),
        ),
    ]
