"""What migrations do to a version that goes on working: only what it survives counts as harmless."""

from __future__ import annotations

import itertools

import pytest
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ModelState, ProjectState

from clawsite.ops import schema

KNOWN = ModelState(
    "app", "Thing", [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=9))]
)


def judge(*operations: Operation) -> tuple[str, ...]:
    """Return what is breaking in a migration of these operations."""
    state = ProjectState(models={("app", "thing"): KNOWN.clone()})
    kind = type("Migration", (migrations.Migration,), {"operations": list(operations)})
    migration = kind("0002_more", "app")
    (found,) = schema.judge([migration], state, known={"app"})
    return found.breaking


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "size", models.IntegerField(null=True)),
        migrations.AddField("thing", "size", models.IntegerField(db_default=0)),
        migrations.AlterField("thing", "name", models.CharField(max_length=20, help_text="Longer.")),
        migrations.AddIndex("thing", models.Index(fields=["name"], name="thing_name")),
        migrations.AlterModelOptions("thing", {"ordering": ["name"]}),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_an_older_version_survives_is_harmless(operation: Operation) -> None:
    assert judge(operation) == ()


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "size", models.IntegerField(default=0)),
        migrations.AlterField("thing", "name", models.CharField(max_length=5)),
        migrations.AlterField("thing", "name", models.CharField(max_length=9, unique=True)),
        migrations.RemoveField("thing", "name"),
        migrations.RenameField("thing", "name", "title"),
        migrations.DeleteModel("thing"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.AddConstraint("thing", models.UniqueConstraint(fields=["name"], name="thing_once")),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_what_it_may_not_survive_is_told(operation: Operation) -> None:
    assert len(judge(operation)) == 1


def test_a_table_that_nobody_knows_yet_may_be_changed_as_one_likes() -> None:
    created = migrations.CreateModel("Other", [("id", models.AutoField(primary_key=True))])
    needed = migrations.AddField("other", "size", models.IntegerField(default=0))

    assert judge(created, needed) == ()


# Where the applications of the first release that others may run stood.
RELEASED = {
    "core": "0001_initial",
    "guardrails": "0002_approval_of_session",
    "sessions_app": "0008_calls_of_jobs",
    "runbooks": "0026_changes",
    "clawsite": "0002_rotation_keeps_the_owner",
}


def test_the_released_version_can_work_on_the_database_of_this_one() -> None:
    loader = MigrationLoader(None)
    released = list(RELEASED.items())
    before = set(itertools.chain.from_iterable(loader.graph.forwards_plan(node) for node in released))
    leaves = [loader.graph.forwards_plan((app, name)) for app, name in loader.graph.leaf_nodes()]
    plan = [node for node in dict.fromkeys(itertools.chain.from_iterable(leaves)) if node not in before]
    found = schema.judge(
        [loader.graph.nodes[node] for node in plan], loader.project_state(nodes=list(before)), known=set(RELEASED)
    )

    assert {migration.name: migration.breaking for migration in found if migration.breaking} == {}


@pytest.mark.django_db
def test_a_database_that_is_up_to_date_has_nothing_to_come() -> None:
    assert schema.read_pending() == []


@pytest.mark.django_db
def test_what_a_newer_version_has_changed_is_told_to_the_older(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes back to the older one, or forward from there, so there may be something to come, too."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("core", "9999_later")
    recorder.record_applied("gone", "0001_initial")
    call_command("schemachanges")
    said = capsys.readouterr().out
    assert "core.9999_later" in said
    assert "gone" not in said
    newest = max(name for app, name in recorder.applied_migrations() if app == "guardrails")
    recorder.record_unapplied("guardrails", newest)
    assert [each.name for each in schema.read_pending()] == [f"guardrails.{newest}"]
