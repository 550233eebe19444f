"""Makes the full-text index of facts, as the database at hand has it."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from sessions_app.search import CREATE, DROP


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the index."""
    schema_editor.execute(CREATE[schema_editor.connection.vendor])


def drop(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Remove the index; it can be made again from the facts."""
    schema_editor.execute(DROP[schema_editor.connection.vendor])


class Migration(migrations.Migration):
    """SQLite gets a table of its own (FTS5), PostgreSQL an index on the facts' folded text."""

    dependencies = [("sessions_app", "0002_prompt_layers")]
    operations = [migrations.RunPython(create, drop)]
