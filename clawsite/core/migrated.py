"""Whether the database has all tables of this version, told by the names of migrations alone.

Reading the migrations themselves, as Django does for it, loads hundreds of modules: megabytes that a process keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder


def is_migrated() -> bool:
    """Tell whether every migration of every app was applied. Reads one table."""
    return set(_names()) <= MigrationRecorder(connection).applied_migrations().keys()


def _names() -> Iterator[tuple[str, str]]:
    """Yield app and name of each migration on the disk, as Django finds them."""
    for app in apps.get_app_configs():
        package, is_explicit = MigrationLoader.migrations_module(app.label)
        if package is None:
            continue
        try:
            folders = import_module(package).__path__
        except ModuleNotFoundError:
            if is_explicit:
                raise
            continue
        for module in iter_modules(folders):
            if not module.ispkg and module.name[0] not in "_~":
                yield app.label, module.name
