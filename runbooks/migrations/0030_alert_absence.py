from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('runbooks', '0029_deploy_ages'),
    ]

    operations = [
        migrations.AddField(
            model_name='alert',
            name='absent_since',
            field=models.DateTimeField(blank=True, help_text='Since when that list is without it.', null=True),
        ),
        migrations.AddField(
            model_name='alert',
            name='listed_at',
            field=models.DateTimeField(blank=True, help_text="When the system's Alertmanager first had it in its own list.", null=True),
        ),
    ]
