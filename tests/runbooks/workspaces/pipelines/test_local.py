"""Pipelines that run here: stages of claw.yaml on a commit, manual ones at a word, again from where they failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from clawsite.core.errors import BadInput, NotAllowed
from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.models import Job, Pipeline, Project
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.manifest import parse_manifest
from runbooks.workspaces.pipelines import actions, local_asking
from runbooks.workspaces.pipelines.local_plan import plan_of, read_plan
from runbooks.workspaces.pipelines.local_tree import export_tree, has_tree, tree_of_pipeline
from runbooks.workspaces.pipelines.values import JobInfo, State, from_rows, stage_of, to_rows
from runbooks.workspaces.projects import remove_project
from runbooks.workspaces.roots import tree_of
from tests.runbooks.workspaces.making import commit, project, write
from tests.runbooks.workspaces.pipelines.conftest import cards
from tests.sessions_app.people import People

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]

TWO = """name: shop
stages:
  - {name: build, argv: [/bin/sh, build.sh]}
  - {name: test, argv: [/bin/sh, -c, "test -f fine || { echo no such file: fine; exit 1; }"]}
"""
MANUAL = """name: shop
stages:
  - {name: test, argv: [/bin/true]}
  - {name: deploy, argv: [/bin/true], manual: true}
"""
BUILD = "echo made > built; echo token sk-ant-api03-$(printf %040d 7)\n"
Make = Callable[..., Project]


@pytest.fixture
def make(people: People) -> Make:
    """Make Bob's project with this claw.yaml, which his chat watches."""

    def made(manifest: str, **files: str) -> Project:
        found = project(owner=people.bob.person, files={"claw.yaml": manifest, "build.sh": BUILD, **files})
        found.watches.create(session=people.bobs)
        return found

    return made


@pytest.fixture
def bob(people: People) -> Actor:
    return people.bob.actor


def done(job: Job) -> Job:
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


def states(row: Pipeline) -> dict[str, str]:
    row.refresh_from_db()
    return {stage.name: str(stage.state) for stage in from_rows(row.stages)}


def test_stages_run_on_the_commit_and_nothing_reaches_the_branch(make: Make, bob: Actor, people: People) -> None:
    shop = make(TWO, fine="x")
    write(tree_of(shop), {"build.sh": "exit 9\n"})  # not committed: no part of it
    job = done(actions.start_pipeline(shop, actor=bob, session_id=people.bobs.pk))
    row = Pipeline.objects.get()
    assert (job.state, job.error, states(row)) == ("succeeded", "", {"build": "succeeded", "test": "succeeded"})
    assert (row.provider, row.state, row.ref, len(row.commit)) == ("local", "succeeded", "main", 40)
    assert not has_tree(row)
    assert not (tree_of(shop) / "built").exists()
    told = [event.data for event in jobs.read_events(job) if event.kind == "output"]
    assert "sk-ant-api03-0" not in str(told)
    assert [card.kind for card in cards("pipeline") + cards("pipeline-end")] == ["pipeline", "pipeline-end"]


def test_a_failed_stage_is_run_again_on_what_was_made_before_it(make: Make, bob: Actor) -> None:
    job = done(actions.start_pipeline(make(TWO), actor=bob))
    row = Pipeline.objects.get()
    assert (job.state, job.error) == ("failed", "The stage test ended with code 1.")
    assert states(row) == {"build": "succeeded", "test": "failed"}
    end = cards("pipeline-end")[0]
    assert end.data["error"] == "The stage test ended with code 1."
    assert end.data["output"] == ["no such file: fine"]
    built = tree_of_pipeline(row) / "built"
    assert built.read_text() == "made\n"
    built.write_text("kept\n")
    write(tree_of_pipeline(row), {"fine": "now"})
    again = done(actions.retry_pipeline(row, actor=bob))
    assert (again.state, states(row), row.attempt) == ("succeeded", {"build": "succeeded", "test": "succeeded"}, 2)
    assert [event.data["stage"] for event in jobs.read_events(again) if event.kind == "stage"] == ["test", "test"]
    assert len(cards("pipeline-end")) == 2


def test_a_stage_for_which_too_little_time_is_left_runs_in_another_stretch(make: Make, bob: Actor) -> None:
    """Twenty stages may take an hour each, and a stretch of a pipeline is four hours long."""
    shop = make(TWO, fine="x")
    job = actions.start_pipeline(shop, actor=bob)
    Job.objects.filter(pk=job.pk).update(deadline=timezone.now() + timedelta(seconds=100))
    assert done(job).state == "queued"
    row = Pipeline.objects.get()
    assert (row.state, states(row)) == ("running", {"build": "succeeded", "test": "queued"})
    with pytest.raises(BadInput, match="A job is working"):
        remove_project(shop, actor=bob)

    assert done(job).state == "succeeded"
    assert states(row) == {"build": "succeeded", "test": "succeeded"}
    told = [event.data["stage"] for event in jobs.read_events(job) if event.kind == "stage"]
    assert told == ["build", "build", "test", "test"]


def test_of_two_who_have_one_run_again_one_is_first(make: Make, bob: Actor) -> None:
    done(actions.start_pipeline(make(TWO), actor=bob))
    mine, theirs = Pipeline.objects.get(), Pipeline.objects.get()
    again = actions.retry_pipeline(mine, actor=bob)
    with pytest.raises(BadInput, match="not over yet"):
        actions.retry_pipeline(theirs, actor=bob)
    done(again)
    assert Pipeline.objects.get().attempt == 2


def test_the_next_pipeline_removes_what_a_failed_one_has_left(make: Make, bob: Actor) -> None:
    shop = make(TWO)
    done(actions.start_pipeline(shop, actor=bob))
    first = Pipeline.objects.get()
    write(tree_of(shop), {"fine": "x"})
    commit(shop, "Be fine.")
    assert done(actions.start_pipeline(shop, actor=bob)).state == "succeeded"
    assert not has_tree(first)


def test_a_manual_stage_waits_for_a_maintainer(make: Make, bob: Actor, people: People) -> None:
    job = done(actions.start_pipeline(make(MANUAL), actor=bob, session_id=people.bobs.pk))
    row = Pipeline.objects.get()
    assert (job.state, states(row), row.state) == (
        "waiting_approval",
        {"test": "succeeded", "deploy": "waiting"},
        "waiting",
    )
    request = Approval.objects.get()
    dana = Actor(subject="user:77", role=Role.OPERATOR, name="dana")
    assert approvals.decide(request.key, actor=dana, approve=True).outcome == "not_allowed"
    with pytest.raises(BadInput):
        actions.approve_pipeline(row, actor=bob, name="another")
    actions.approve_pipeline(row, actor=bob, name="deploy")
    assert done(job).state == "succeeded"
    assert states(row)["deploy"] == "succeeded"


def test_a_press_is_for_the_stage_that_was_shown(make: Make, bob: Actor) -> None:
    job = done(
        actions.start_pipeline(make(MANUAL + "  - {name: release, argv: [/bin/true], manual: true}\n"), actor=bob)
    )
    row = Pipeline.objects.get()
    seal = cards("pipeline")[0].data["waits"]
    actions.approve_pipeline(row, actor=bob, shown=seal)
    assert done(job).state == "waiting_approval"
    row.refresh_from_db()
    with pytest.raises(BadInput, match="has changed"):
        actions.approve_pipeline(row, actor=bob, shown=seal)
    assert states(row)["release"] == "waiting"
    actions.approve_pipeline(row, actor=bob, shown=cards("pipeline")[0].data["waits"])
    assert done(job).state == "succeeded"


def test_who_may_not_decide_approves_nothing(make: Make, bob: Actor) -> None:
    done(actions.start_pipeline(make(MANUAL), actor=bob))
    with pytest.raises(NotAllowed):
        actions.approve_pipeline(
            Pipeline.objects.get(), actor=Actor(subject="user:77", role=Role.OPERATOR, name="dana")
        )
    assert Approval.objects.get().state == "waiting"


def test_who_is_no_maintainer_any_more_lets_no_stage_run(make: Make, bob: Actor) -> None:
    shop = make(MANUAL)
    dana = Actor(subject="user:77", role=Role.OPERATOR, name="dana")
    shop.members.create(subject=dana.subject, role="maintainer")
    job = done(actions.start_pipeline(shop, actor=bob))
    shop.members.all().delete()
    assert approvals.decide(Approval.objects.get().key, actor=dana, approve=True).outcome == "approved"

    assert "is no maintainer any more" in done(job).error
    assert states(Pipeline.objects.get()) == {"test": "succeeded", "deploy": "failed"}


def test_of_a_project_without_maintainers_an_admin_decides_and_no_operator(
    make: Make, bob: Actor, people: People
) -> None:
    shop = make(MANUAL)
    done(actions.start_pipeline(shop, actor=bob))
    row = Pipeline.objects.select_related("project").get()
    stage = read_plan(row)[-1]
    row.project.owner = "group:1"
    request = local_asking.ask(row, stage, requested_by="contact:99", session_id=None)

    dana = Actor(subject="user:77", role=Role.OPERATOR, name="dana")
    assert approvals.decide(request.key, actor=dana, approve=True).outcome == "not_allowed"
    assert approvals.decide(request.key, actor=people.alice.actor, approve=True).outcome == "approved"


def test_a_no_ends_it_and_an_approval_of_something_else_is_none(make: Make, bob: Actor) -> None:
    shop = make(MANUAL)
    job = done(actions.start_pipeline(shop, actor=bob))
    approvals.decide(Approval.objects.get().key, actor=bob, approve=False)
    assert done(job).error == "The stage deploy was not approved."
    second = done(actions.start_pipeline(shop, actor=bob))
    actions.approve_pipeline(Pipeline.objects.get(job=second), actor=bob)
    Approval.objects.update(subject_hash="0" * 64)
    assert "has changed since" in done(second).error
    assert states(Pipeline.objects.get(job=second)) == {"test": "succeeded", "deploy": "failed"}


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (f"[/bin/echo, '{'x' * 400}', more]", "xxx…"),
        ('[/bin/echo, "a b", "\\u202ec"]', "\n/bin/echo 'a b' '\ufffdc'"),
    ],
)
def test_who_decides_about_a_stage_sees_its_command_and_where_that_goes_on(
    make: Make, bob: Actor, argv: str, shown: str
) -> None:
    done(actions.start_pipeline(make(MANUAL.replace("argv: [/bin/true], manual", f"argv: {argv}, manual")), actor=bob))
    assert Approval.objects.get().summary.endswith(shown)


def test_cancelling_one_that_waits_takes_its_request_back(make: Make, bob: Actor) -> None:
    done(actions.start_pipeline(make(MANUAL), actor=bob))
    row = Pipeline.objects.select_related("job", "project").get()
    actions.cancel_pipeline(row, actor=bob)
    assert states(row) == {"test": "succeeded", "deploy": "cancelled"}
    assert (row.state, Approval.objects.get().state, has_tree(row)) == ("cancelled", "expired", False)


def test_after_a_crash_what_only_looks_runs_once_more_and_what_changes_does_not(make: Make, bob: Actor) -> None:
    shop = make(MANUAL)
    job = done(actions.start_pipeline(shop, actor=bob))
    row = Pipeline.objects.get()
    actions.approve_pipeline(row, actor=bob)
    at_work = [JobInfo(id=name, name=name, state=State.RUNNING) for name in ("test", "deploy")]
    row.stages = to_rows([stage_of("test", [at_work[0]]), stage_of("deploy", [at_work[1]], changes=True)])
    row.save()
    assert "nobody knows how far it came" in done(job).error
    assert states(row) == {"test": "succeeded", "deploy": "failed"}


def test_what_a_killed_git_has_left_keeps_no_pipeline_from_its_files(make: Make) -> None:
    shop = make(TWO)
    row = Pipeline.objects.create(project=shop, provider="local", external_id="1", commit=git.head(shop))
    tree = tree_of_pipeline(row)
    tree.parent.mkdir()
    tree.with_name(f"{tree.name}-draft.index.lock").touch()

    assert (export_tree(row, check=lambda: None) / "claw.yaml").read_text() == TWO


def test_without_stages_its_setup_lint_tests_and_build_are_the_pipeline() -> None:
    text = b"name: x\nbuild: {argv: [make]}\ntest: {argv: [pytest]}\nsetup: {argv: [pip]}\n"
    assert [stage.name for stage in plan_of(parse_manifest(text))] == ["setup", "test", "build"]
    assert plan_of(parse_manifest(b"name: x\nsetup: {argv: [pip]}\n")) == []


def test_why_none_began_is_told_in_the_chat(make: Make, bob: Actor, people: People) -> None:
    assert done(actions.start_pipeline(make("name: shop\n"), actor=bob, session_id=people.bobs.pk)).state == "failed"
    assert Pipeline.objects.get().state == "failed"
    assert "names no stages" in cards("pipeline-end")[0].data["error"]
    done(actions.start_pipeline(Project.objects.get(), actor=bob, ref="nowhere", session_id=people.bobs.pk))
    (card,) = cards("pipeline-answer")
    assert card.data["verb"] == "start"


@pytest.mark.parametrize("kind", ["pipeline", "pipeline_ask"])
def test_a_job_that_a_stranger_makes_does_nothing(make: Make, people: People, kind: str) -> None:
    shop = make(TWO, fine="x")
    mallory = Actor(subject="token:mallory", role=Role.OPERATOR, name="mallory")
    params: dict[str, Any] = {"project": shop.key} | (
        {"verb": "start", "ref": "main"} if kind == "pipeline_ask" else {}
    )
    for more in ({}, {"seal": "made-up"}):
        job = jobs.create_job(kind, params=params | more, actor=mallory, start=True)
        assert done(job).state == "failed"
    assert Pipeline.objects.count() == 0


def test_a_schedule_asks_for_whom_it_belongs_to(make: Make, bob: Actor) -> None:
    params = {"project": make(TWO, fine="x").key}
    schedule = Actor(subject="schedule:1", role=Role.ADMIN, name="nightly")
    theirs = done(jobs.create_job("pipeline", params=params, actor=schedule, owner="user:77", start=True))
    assert (theirs.state, Pipeline.objects.count()) == ("failed", 0)
    assert done(jobs.create_job("pipeline", params=params, actor=schedule, owner=bob.subject, start=True)).error == ""


def test_an_admin_who_is_no_member_orders_with_a_seal(make: Make, people: People) -> None:
    job = actions.start_pipeline(make(TWO, fine="x"), actor=people.alice.actor)
    assert job.params["seal"]
    assert done(job).state == "succeeded"


def test_old_news_of_it_is_no_news(make: Make, bob: Actor) -> None:
    done(actions.start_pipeline(make(TWO, fine="x"), actor=bob))
    row = Pipeline.objects.get()
    assert row.due_at is None
    assert row.ended_at is not None
    assert row.ended_at <= timezone.now()
