"""projects.* over the wire: one's own, others', making one, history and differences, members."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clawsite.core.db import close_pool, run_db
from clawsite.core.models import AuditEvent, User
from clawsite.gateway.principal import Scope
from runbooks.models import Job, Project
from runbooks.workspaces import git
from runbooks.workspaces.roots import tree_of
from tests.clawsite.gateway.calling import ALICE, BOB, CHARLIE, call
from tests.clawsite.gateway.seat import Refused, principal
from tests.runbooks.running import perform_beside
from tests.runbooks.workspaces.making import write

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "ghp_" + "a1B2c3D4e5" * 4
MALLORY = principal("mallory", Scope.READ, Scope.WRITE)
READER = principal("bob", Scope.READ)


@pytest.fixture(autouse=True)
async def home(settings: Settings, tmp_path: Path) -> AsyncIterator[None]:
    """Keep projects apart; let the database go afterwards."""
    settings.CLAW_HOME = tmp_path
    yield
    close_pool()


async def made() -> str:
    """Make a project as Bob and return its key."""
    answer = await call("projects.create", BOB, name="my-pages", type="static-site")
    await run_db(lambda: perform_beside(Job.objects.get(key=answer["job"]["id"]).pk))
    return str(answer["project"]["key"])


async def test_a_project_is_made_read_and_compared() -> None:
    key = await made()

    found = await call("projects.get", BOB, project="my-pages")
    assert (found["project"]["key"], found["project"]["state"], found["watchers"]) == (key, "ready", 0)
    assert [each["kind"] for each in found["operations"]] == ["new"]

    def change() -> str:
        project = Project.objects.get()
        write(tree_of(project), {"site/index.html": f"changed\n{TOKEN}\n"})
        git.run_git(project, "add", "-A")  # past us, as a pull brings it
        git.run_git(project, "commit", "-q", "-m", "Change a page.")
        return git.head(project)

    sha = await run_db(change)
    (last, first) = (await call("projects.log", BOB, project=key))["commits"]
    assert (last["sha"], last["subject"], first["op"]) == (sha, "Change a page.", "/new static-site my-pages")
    shown = await call("projects.diff", BOB, project=key)
    assert (shown["sha"], shown["base"], shown["truncated"]) == (sha, first["sha"], False)
    assert [each["path"] for each in shown["files"]] == ["site/index.html"]
    assert "+changed\n+[secret]\n" in shown["patch"]
    with pytest.raises(Refused, match="not the name of a commit"):
        await call("projects.diff", BOB, project=key, revision="--output=/tmp/x")


async def test_what_is_not_theirs_is_as_if_it_were_not_there() -> None:
    key = await made()
    member = {"subject": "user:1", "role": "viewer"}
    for name in ("get", "log", "diff", "members", "archive", "member"):
        params = member if name == "member" else {}
        with pytest.raises(Refused, match="There is no project"):
            await call(f"projects.{name}", MALLORY, project=key, **params)
        with pytest.raises(Refused):
            await call(f"projects.{name}", CHARLIE, project=key, **params)
    assert (await call("projects.list", MALLORY))["projects"] == []
    assert [each["key"] for each in (await call("projects.list", ALICE))["projects"]] == [key]
    assert (await call("projects.get", ALICE, project=key))["project"]["name"] == "my-pages"


async def test_that_somebody_wanted_what_is_not_theirs_is_on_record() -> None:
    key = await made()
    for name in ("get", "archive"):
        with pytest.raises(Refused, match="There is no project"):
            await call(f"projects.{name}", MALLORY, project=key)
    found = await run_db(lambda: list(AuditEvent.objects.filter(action="project.refused")))
    assert [(each.actor, each.subject) for each in found] == [(MALLORY.actor.subject, f"project:{key}")] * 2


async def test_who_only_reads_changes_nothing() -> None:
    key = await made()
    for name, params in {"create": {"name": "x", "type": "static-site"}, "archive": {"project": key}}.items():
        with pytest.raises(Refused, match="missing scope"):
            await call(f"projects.{name}", READER, **params)
    assert len((await call("projects.types", READER))["types"]) == 6
    assert (await call("projects.get", READER, project=key))["project"]["archived"] is False


async def test_members_are_let_in_and_out() -> None:
    key = await made()
    user = await run_db(User.objects.create, username="dora")
    dora = principal("dora", Scope.READ, Scope.WRITE, user_id=user.pk)

    answer = await call("projects.member", BOB, project=key, subject=f"user:{user.pk}", role="developer")
    assert answer["members"] == [{"subject": f"user:{user.pk}", "name": "dora", "role": "developer"}]
    assert [each["key"] for each in (await call("projects.list", dora))["projects"]] == [key]
    with pytest.raises(Refused, match="needs the role maintainer"):
        await call("projects.member", dora, project=key, subject=f"user:{user.pk}", role="maintainer")
    with pytest.raises(Refused, match="nobody called"):
        await call("projects.member", BOB, project=key, subject="user:999999", role="viewer")
    assert (await call("projects.member", BOB, project=key, subject=f"user:{user.pk}"))["members"] == []


async def test_one_is_put_aside_and_taken_up_again() -> None:
    key = await made()
    assert (await call("projects.archive", BOB, project=key))["project"]["archived"]
    assert (await call("projects.list", BOB))["projects"] == []
    assert len((await call("projects.list", BOB, archived=True))["projects"]) == 1
    assert not (await call("projects.archive", BOB, project=key, archived=False))["project"]["archived"]


async def test_a_type_or_an_address_is_needed() -> None:
    for params in ({}, {"type": "static-site", "url": "https://x.invalid/a"}, {"type": "cobol"}):
        with pytest.raises(Refused):
            await call("projects.create", BOB, name="x", **params)
    with pytest.raises(Refused, match="not among"):
        await call("projects.create", BOB, name="x", url="https://x.invalid/a")
    assert not await run_db(Project.objects.exists)
