"""What the migrations that are still to come do to a version that goes on working while they are applied.

During a switch the old version reads and writes the database of the new one. It survives new tables, new columns that
it need not fill, and indexes. Whatever else happens to a table that it knows may break it: that is said beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import (
    AddField,
    AddIndex,
    AlterField,
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
    RemoveIndex,
    RenameIndex,
    SeparateDatabaseAndState,
)
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field
from django.db.models.fields import NOT_PROVIDED

_HARMLESS = (AddIndex, AlterModelManagers, AlterModelOptions, CreateModel, RemoveIndex, RenameIndex)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pending:
    """A migration that was not applied yet, and the operations in it that the old version may not survive."""

    name: str
    breaking: tuple[str, ...] = ()


def read_pending() -> list[Pending]:
    """Return what is to be applied, in its order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return []
    applied = [each for each in executor.loader.applied_migrations if each in executor.loader.graph.nodes]
    state = executor.loader.project_state(nodes=applied).clone()
    return judge([migration for migration, _ in plan], state, known={app for app, _ in applied})


def read_unknown() -> list[str]:
    """Return what was applied by a newer version to tables that this one knows, too."""
    loader = MigrationExecutor(connection).loader
    known = set(loader.disk_migrations).union(*(each.replaces for each in loader.disk_migrations.values()))
    return sorted(".".join(each) for each in set(loader.applied_migrations) - known if each[0] in loader.migrated_apps)


def judge(plan: Iterable[Migration], state: ProjectState, *, known: set[str]) -> list[Pending]:
    """Judge migrations in their order, from the state before them; known: the apps that the older version has."""
    new: set[tuple[str, str]] = set()
    found = []
    for migration in plan:
        breaking = []
        for operation in migration.operations:
            if migration.app_label in known and not _is_harmless(operation, migration.app_label, state, new):
                breaking.append(operation.describe())
            if isinstance(operation, CreateModel):
                new.add((migration.app_label, operation.name_lower))
            operation.state_forwards(migration.app_label, state)
        found.append(Pending(name=f"{migration.app_label}.{migration.name}", breaking=tuple(breaking)))
    return found


def _is_harmless(operation: Operation, app: str, state: ProjectState, new: set[tuple[str, str]]) -> bool:
    if isinstance(operation, _HARMLESS):
        return True
    if isinstance(operation, SeparateDatabaseAndState):
        return all(_is_harmless(part, app, state, new) for part in operation.database_operations)
    if (app, getattr(operation, "model_name_lower", "")) in new:
        return True  # nobody knows that table yet
    if isinstance(operation, AddField):
        return _needs_no_value(operation.field)
    if isinstance(operation, AlterField):
        return _is_same_column(operation, app, state)
    return False


def _needs_no_value(field: Field[object, object]) -> bool:
    """Tell whether a row can be written by who does not know the column."""
    return bool(field.null or field.many_to_many or field.db_default is not NOT_PROVIDED)


def _is_same_column(operation: AlterField, app: str, state: ProjectState) -> bool:
    """Tell whether only what Django knows of a field changes, such as its choices, or the column becomes wider."""
    old = state.models[app, operation.model_name_lower].get_field(operation.name)
    before, after = _column(old), _column(operation.field)
    if before == after:
        return True
    wider = _length(after) >= _length(before)
    return wider and before | {"max_length": 0} == after | {"max_length": 0}


def _length(column: dict[str, object]) -> int:
    length = column.get("max_length")
    return length if isinstance(length, int) else 0


_ONLY_DJANGO = ("choices", "help_text", "verbose_name", "validators", "default", "blank", "editable", "error_messages")


def _column(field: Field[object, object]) -> dict[str, object]:
    """Return what of a field the database knows."""
    _, path, arguments, options = field.deconstruct()
    kept = {name: value for name, value in options.items() if name not in _ONLY_DJANGO}
    return kept | {"path": path, "arguments": list(arguments)}
