"""Making a project: the row, the job with the first commit, quotas, groups, members, and removing it for good."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django_q.models import OrmQ
from pytest_django import Settings

from clawsite.core.errors import BadInput, NotAllowed, NotFound
from clawsite.core.models import AuditEvent
from guardrails.types import Actor
from runbooks import jobs
from runbooks.models import CurrentProject, Job, Operation, Project, ProjectMember, ProjectTurn
from runbooks.workspaces import git, projects
from runbooks.workspaces.access import access_project, current_project
from runbooks.workspaces.deploys import gates
from runbooks.workspaces.deploys.starting import start_deploy
from runbooks.workspaces.manifest import read_manifest
from runbooks.workspaces.members import list_members, remove_member, set_member
from runbooks.workspaces.pipelines import local_job
from runbooks.workspaces.pipelines.actions import start_pipeline
from runbooks.workspaces.projects import (
    archive,
    choose,
    create_project,
    purge_projects,
    remove_project,
    set_network,
    suggest_names,
)
from runbooks.workspaces.quotas import check_tree, measure
from runbooks.workspaces.roots import environment_root, owner_folder, project_root, tree_of, workspaces
from runbooks.workspaces.watchers import sessions_of, watch
from sessions_app.accounts import remove_channel
from sessions_app.models import Card, Channel, Contact, GroupAccess, Session
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.runbooks.running import run, start
from tests.runbooks.workspaces.making import project, row, write

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def chat() -> Session:
    """A direct chat."""
    return Session.objects.create(channel=Channel.objects.create(kind="telegram", name="t"), chat_id="1")


def test_a_project_from_its_request_to_its_first_commit(chat: Session) -> None:
    made, job = create_project("static-site", "my-pages", actor=BOB, session_id=chat.pk, origin="chat")

    assert (made.state, made.owner, made.owner_name) == ("making", BOB.subject, "Bob")
    assert current_project(chat.pk, BOB) == made
    with pytest.raises(BadInput, match="not ready"):
        access_project("my-pages", actor=BOB, role="developer")
    assert run(job).state == "succeeded"

    made.refresh_from_db()
    (commit,) = git.log(made)
    assert (made.state, commit.subject, commit.op) == (
        "ready",
        "Begin my-pages as a Static site.",
        "/new static-site my-pages",
    )
    assert read_manifest(made).name == "my-pages"
    operation = Operation.objects.get()
    assert (operation.sha, operation.job, operation.kind) == (commit.sha, job, "new")
    assert sessions_of(made) == [chat.pk]
    card = Card.objects.get(kind="project")
    assert (card.data["sha"], card.data["error"], card.data["environments"]) == (
        commit.sha,
        "",
        ["staging", "production"],
    )
    assert "site/index.html" in card.data["files"]
    assert AuditEvent.objects.get(action="project.create").subject == made.ref


def test_a_job_that_begins_again_makes_it_once(chat: Session) -> None:
    made, job = create_project("static-site", "my-pages", actor=BOB, session_id=chat.pk)
    write(tree_of(made), {"half.txt": "written by a process that died"})
    run(job)
    sha = git.head(made)
    Job.objects.filter(pk=job.pk).update(state="queued", ended_at=None)

    assert run(job).state == "succeeded"
    assert git.head(made) == sha
    assert Operation.objects.count() == Card.objects.count() == 1
    assert not (tree_of(made) / "half.txt").exists()


def test_what_could_not_be_made_says_so_and_frees_its_name(chat: Session) -> None:
    made, job = create_project("static-site", "my-pages", actor=BOB, session_id=chat.pk)
    jobs.cancel_job(job.key, actor=BOB)

    made.refresh_from_db()
    assert (made.state, Card.objects.get().data["error"]) == ("failed", "cancelled")
    again, job = create_project("python-package", "my-pages", actor=BOB, session_id=chat.pk)
    assert run(job).state == "succeeded"
    assert list(Project.objects.values_list("key", "state")) == [(again.key, "ready")]


def test_a_job_about_a_project_of_somebody_else_fails() -> None:
    made = project()
    job = jobs.create_job("project_new", params={"project": made.key}, actor=ALICE, start=True)

    assert run(job).error == "There is no project “shop”."
    made.refresh_from_db()
    assert (made.state, Operation.objects.count()) == ("ready", 0)


@pytest.mark.parametrize("name", ["Shop", "-x", "a b", "../x", "", "x" * 64, "shop\n"])
def test_a_name_is_a_name(name: str) -> None:
    with pytest.raises(BadInput, match="small letters"):
        create_project("static-site", name, actor=BOB)


@pytest.mark.parametrize("actor", [VIEWER, CHARLIE])
def test_only_operators_make_projects(actor: Actor) -> None:
    with pytest.raises(NotAllowed):
        create_project("static-site", "x", actor=actor)
    assert not Project.objects.exists()


def test_names_are_taken_and_there_are_only_so_many(settings: Settings) -> None:
    settings.CLAW_PROJECTS = 2
    create_project("static-site", "my-pages", actor=BOB)
    with pytest.raises(BadInput, match="already"):
        create_project("static-site", "my-pages", actor=BOB)
    create_project("static-site", "my-pages", actor=ALICE)
    assert suggest_names("site", actor=BOB) == ["my-pages-2", "my-pages-3", "my-pages-4"]
    create_project("static-site", "x", actor=BOB)
    with pytest.raises(BadInput, match="2 projects"):
        create_project("static-site", "y", actor=BOB)
    assert Project.objects.count() == Job.objects.count() == 3


def test_in_a_group_it_is_the_groups(chat: Session) -> None:
    group = GroupAccess.objects.create(channel=chat.channel, chat_id="-5", title="Team", allowed=True)
    place = Session.objects.create(channel=chat.channel, chat_id="-5", kind=Session.Kind.GROUP)
    bob, dora = (
        Contact.objects.create(
            channel=chat.channel, external_id=name, name=name, state="approved", role="operator"
        ).actor
        for name in ("Bob", "Dora")
    )

    made, job = create_project("static-site", "my-pages", actor=bob, session_id=place.pk)
    assert run(job).state == "succeeded"

    assert (made.owner, made.owner_name) == (f"group:{group.pk}", "Team")
    assert access_project("my-pages", actor=bob, role="maintainer").pk == made.pk
    assert access_project("my-pages", actor=dora, session_id=place.pk, role="developer").pk == made.pk
    with pytest.raises(BadInput, match="needs a maintainer"):
        remove_member(made, bob, actor=bob)
    set_member(made, dora, "maintainer", actor=bob)
    assert remove_member(made, bob, actor=dora)
    assert sessions_of(made) == [place.pk]  # the group's own chat still hears of it


def test_members_come_change_and_go(chat: Session) -> None:
    made = row()
    set_member(made, ALICE, "viewer", actor=BOB)
    set_member(made, ALICE, "developer", actor=BOB)
    choose(made, session_id=chat.pk, actor=ALICE)
    watch(made, chat.pk, actor=ALICE)

    assert [(each.subject, each.role, each.name) for each in list_members(made)] == [("user:1", "developer", "Alice")]
    for person, role in ((BOB, "viewer"), (ALICE, "king")):
        with pytest.raises(BadInput):
            set_member(made, person, role, actor=BOB)
    assert [remove_member(made, ALICE, actor=BOB), remove_member(made, ALICE, actor=BOB)] == [True, False]
    assert not CurrentProject.objects.exists()
    assert sessions_of(made) == []
    assert AuditEvent.objects.filter(action__startswith="project.member").count() == 3


def test_an_archived_project_is_nobodys_current_one(chat: Session) -> None:
    made = row()
    choose(made, session_id=chat.pk, actor=BOB)

    assert [archive(made, actor=BOB), archive(made, actor=BOB)] == [True, False]
    assert not CurrentProject.objects.exists()
    assert archive(made, archived=False, actor=BOB)


def test_only_admins_open_the_network() -> None:
    made = row()
    with pytest.raises(NotAllowed):
        set_network(made, allowed=True, actor=BOB)
    set_network(made, allowed=True, actor=ALICE)
    made.refresh_from_db()
    assert made.network


def test_a_project_is_removed_with_all_its_files_unless_a_job_works_on_it() -> None:
    made = project()
    tree = git.add_worktree(made, "j1", "job/j1")
    (tree / "locked").mkdir()
    write(tree / "locked", {"a": "x"})
    (tree / "locked").chmod(0)
    (tree / "out").symlink_to("/usr")
    turn = ProjectTurn.objects.create(project=made, job=start("selftest"), held=True)
    with pytest.raises(BadInput, match="A job is working"):
        remove_project(made, actor=ALICE)
    turn.delete()
    root = project_root(made)

    remove_project(made, actor=ALICE)
    assert not root.exists()
    assert Path("/usr/bin").exists()
    assert not Project.objects.exists()


@pytest.mark.parametrize("order", [start_deploy, start_pipeline])
def test_a_project_is_not_removed_while_it_is_deployed_or_a_pipeline_runs(
    order: Callable[..., Job], chat: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, job = create_project("static-site", "shop", actor=BOB, session_id=chat.pk)
    run(job)
    seen: list[bool] = []

    def remove_now(*args: object, **values: object) -> None:
        with pytest.raises(BadInput, match="A job is working"):
            remove_project(made, actor=ALICE)
        seen.append(project_root(made).exists())

    monkeypatch.setattr(gates, "check_requester", remove_now)
    monkeypatch.setattr(local_job, "export_tree", remove_now)
    made.refresh_from_db()
    place = {"environment": "staging"} if order is start_deploy else {}
    run(order(made, **place, actor=BOB))

    assert set(seen) == {True}
    remove_project(made, actor=ALICE)
    assert not project_root(made).exists()


def test_what_a_process_that_died_has_left_of_a_removed_project_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    made, again = project("shop"), project("blog")
    roots = [project_root(each) for each in (made, again)]
    with monkeypatch.context() as patch:
        patch.setattr(projects, "_put_away", lambda root: None)  # as if it had died before
        for each in (made, again):
            remove_project(each, actor=ALICE)
    (workspaces() / "removed-1" / "half").mkdir(parents=True)
    row("blog", owner=again.owner)  # somebody has made another one of this name
    tasks = [task for task in OrmQ.objects.all() if task.func() == projects.DISCARD]
    for task in tasks:
        projects.discard_left(*task.task["args"])
    assert len(tasks) == 2
    assert [root.exists() for root in roots] == [False, True]
    assert not list(workspaces().glob("removed-*"))


def test_files_of_who_takes_the_name_of_a_removed_project_meanwhile_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the worst moment: after it was looked whether the name is free, and before the files are moved away."""
    root, put_away = project_root(row("shop")), projects._put_away
    Project.objects.all().delete()
    (root / "old").mkdir(parents=True)

    def take_name_first(folder: Path) -> None:
        with suppress(IntegrityError), transaction.atomic():
            row("shop")
            (root / "new").mkdir()
        put_away(folder)

    monkeypatch.setattr(projects, "_put_away", take_name_first)
    projects.discard_left(BOB.subject, "shop")

    assert (root / "new").exists() == Project.objects.exists()
    assert not (root / "old").exists()
    assert row("shop").pk  # the name is free again


def test_who_is_forgotten_leaves_no_project_behind() -> None:
    made, others = project("shop"), row("blog", owner=ALICE.subject)
    ProjectMember.objects.create(project=others, subject=BOB.subject)

    assert purge_projects([BOB.subject], actor=ALICE) == 1
    assert not project_root(made).exists()
    assert list(Project.objects.all()) == [others]
    assert not ProjectMember.objects.exists()
    with pytest.raises(NotFound):
        access_project("blog", actor=BOB)


def test_what_a_tree_holds_is_counted_without_following_links(tmp_path: Path, settings: Settings) -> None:
    write(tmp_path / "tree", {"a": "12345", "b/c": "67"})
    (tmp_path / "tree" / "usr").symlink_to("/usr")
    usage = measure(tmp_path / "tree")
    assert (usage.files, usage.bytes - (tmp_path / "tree" / "usr").lstat().st_size) == (3, 7)
    settings.CLAW_PROJECT_MEGABYTES = 1
    write(tmp_path / "tree", {"big": "x" * (1024**2 + 1)})
    with pytest.raises(BadInput, match="1 MB"):
        check_tree(tmp_path / "tree")


def test_no_two_owners_share_a_folder() -> None:
    owners = ["user:1", "user:11", "contact:1", "group:1", "token:a", "token:b", "user-1", "../x", "other-x"]
    folders = {owner_folder(owner) for owner in owners}
    assert len(folders) == len(owners)
    assert not any("/" in folder or "." in folder for folder in folders)


def test_a_channel_takes_the_projects_of_its_people_and_groups_along(chat: Session) -> None:
    contact = Contact.objects.create(channel=chat.channel, external_id="9", state="approved", role="operator")
    group = GroupAccess.objects.create(channel=chat.channel, chat_id="-5", allowed=True)
    roots = [project_root(project(name, owner=owner)) for name, owner in
             (("a", contact.subject), ("b", f"group:{group.pk}"), ("c", ALICE.subject))]  # fmt: skip

    remove_channel(chat.channel, actor=ALICE)

    assert [root.exists() for root in roots] == [False, False, True]
    assert list(Project.objects.values_list("name", flat=True)) == ["c"]


def test_what_was_there_before_under_a_name_is_not_taken_for_the_new_one(chat: Session) -> None:
    first, job = create_project("static-site", "shop", actor=BOB, session_id=chat.pk)
    run(job)
    Project.objects.filter(pk=first.pk).update(state="failed")  # as if it had failed after its commit

    made, job = create_project("python-package", "shop", actor=BOB, session_id=chat.pk)
    assert run(job).state == "succeeded"
    assert (tree_of(made) / "shop" / "greeting.py").exists()
    assert not (tree_of(made) / "site").exists()


def test_a_project_of_a_template_is_deployed_as_it_is(chat: Session) -> None:
    made, job = create_project("static-site", "shop", actor=BOB, session_id=chat.pk)
    run(job)
    made.refresh_from_db()

    job = run(start_deploy(made, "staging", actor=BOB))
    assert (job.state, job.error) == ("succeeded", "")
    assert (environment_root(made, "staging") / "current" / "site" / "index.html").exists()
