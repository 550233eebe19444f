"""Fills the table of prompt layers with the eight that ship."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from sessions_app.prompts.layers import ensure_layers


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add the rows that are missing."""
    ensure_layers(apps.get_model("sessions_app", "PromptLayer"))


class Migration(migrations.Migration):
    """What an admin wrote stays when this is taken back."""

    dependencies = [("sessions_app", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
