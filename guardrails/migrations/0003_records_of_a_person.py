from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('guardrails', '0002_approval_of_session'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='approval',
            index=models.Index(fields=['requested_by'], name='approval_of_person'),
        ),
        migrations.AddIndex(
            model_name='verdictrecord',
            index=models.Index(fields=['subject'], name='verdict_of_person'),
        ),
    ]
