"""Jobs that ask a forge, and pipelines that are asked for because nothing was heard of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.db import close_pool
from clawsite.core.errors import BadInput, Unavailable
from guardrails.types import Actor
from runbooks.models import ForgeConnection, Job, Pipeline, Project
from runbooks.runner import perform
from runbooks.workspaces.pipelines import actions
from runbooks.workspaces.pipelines.connections import note_answer, open_connection, place_of, probe_connection
from runbooks.workspaces.pipelines.following import follow_due
from runbooks.workspaces.pipelines.github import GitHub
from runbooks.workspaces.pipelines.taking import take_pipeline
from tests.runbooks.workspaces.pipelines.conftest import cards, connect
from tests.servers.forges import GitHubServer
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)


def done(job: Job) -> Job:
    assert perform(job.pk)
    return Job.objects.get(pk=job.pk)


@pytest.fixture
def bob(people: People) -> Actor:
    return people.bob.actor


def heard(connection: ForgeConnection, forge: GitHubServer) -> Pipeline:
    """Return a pipeline as it was heard of."""
    number = str(forge.add_run()["id"])
    info = asyncio.run(GitHub(place_of(connection)).get(number))
    return take_pipeline(connection.project, "github", info)


def test_a_pipeline_is_started_shown_and_cancelled(
    connected: ForgeConnection, forge: GitHubServer, people: People, bob: Actor
) -> None:
    job = done(actions.start_pipeline(connected.project, actor=bob, session_id=people.bobs.pk))
    row = Pipeline.objects.get()
    assert (job.state, row.ref, row.state) == ("succeeded", "main", "queued")
    assert [card.session_id for card in cards("pipeline")] == [people.bobs.pk]
    done(actions.cancel_pipeline(row, actor=bob))
    row.refresh_from_db()
    assert row.state == "cancelled"
    done(actions.retry_pipeline(row, actor=bob))
    row.refresh_from_db()
    assert (row.state, row.attempt) == ("queued", 2)


def test_what_waits_is_approved(connected: ForgeConnection, forge: GitHubServer, bob: Actor) -> None:
    row = heard(connected, forge)
    forge.hold(int(row.external_id))
    job = done(actions.approve_pipeline(row, actor=bob, name="production"))
    assert (job.state, job.result) == ("succeeded", {"pipeline": row.pk, "told": "production"})
    assert forge.runs[int(row.external_id)]["status"] == "in_progress"


def test_a_press_approves_what_was_shown_and_nothing_that_waits_since(
    connected: ForgeConnection, forge: GitHubServer, bob: Actor
) -> None:
    row = heard(connected, forge)
    number = int(row.external_id)
    first, second = forge.jobs[number]
    forge.hold(number, "staging")
    first["status"] = "waiting"
    look = asyncio.run(GitHub(place_of(connected)).get(row.external_id))
    row = take_pipeline(connected.project, "github", look, live=True)
    seal = cards("pipeline")[-1].data["waits"]
    job = actions.approve_pipeline(row, actor=bob, shown=seal)
    again = actions.approve_pipeline(row, actor=bob, shown=seal)
    assert done(job).state == "succeeded"
    forge.hold(number, "production")
    first["status"], second["status"] = "in_progress", "waiting"
    assert "has changed" in done(again).error
    assert forge.runs[number]["status"] == "waiting"
    assert cards("pipeline")[-1].data["waits"] not in ("", seal)


def test_why_nothing_came_of_it_is_told_where_it_was_asked(
    connected: ForgeConnection, forge: GitHubServer, people: People, bob: Actor
) -> None:
    forge.fault("status", status=401)
    job = done(actions.start_pipeline(connected.project, actor=bob, session_id=people.bobs.pk))
    assert job.state == "failed"
    (card,) = cards("pipeline-answer")
    assert "does not take the token" in card.data["error"]


def test_what_makes_no_sense_is_refused_at_once(
    shop: Project, connected: ForgeConnection, forge: GitHubServer, bob: Actor
) -> None:
    row = heard(connected, forge)
    with pytest.raises(BadInput):
        actions.retry_pipeline(row, actor=bob)
    row.state = "failed"
    with pytest.raises(BadInput):
        actions.cancel_pipeline(row, actor=bob)
    with pytest.raises(BadInput):
        actions.start_pipeline(shop, actor=bob, ref="--upload-pack=x")


def test_without_a_forge_that_can_be_asked_a_pipeline_runs_here(
    shop: Project, connected: ForgeConnection, bob: Actor
) -> None:
    assert actions.start_pipeline(shop, actor=bob).kind == "pipeline_ask"
    ForgeConnection.objects.update(token="")
    assert actions.start_pipeline(shop, actor=bob).kind == "pipeline"
    connected.delete()
    assert actions.start_pipeline(shop, actor=bob).kind == "pipeline"


def test_five_failures_leave_a_forge_alone(connected: ForgeConnection) -> None:
    for _ in range(5):
        note_answer(connected, Unavailable("GitHub answered with status 500."))
    connected.refresh_from_db()
    with pytest.raises(Unavailable):
        open_connection(connected)
    ForgeConnection.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    connected.refresh_from_db()
    open_connection(connected)  # one may try
    with pytest.raises(Unavailable):
        open_connection(connected)
    note_answer(connected)
    connected.refresh_from_db()
    assert (connected.failures, connected.open_until) == (0, None)


def test_a_person_can_try_a_connection(connected: ForgeConnection, forge: GitHubServer) -> None:
    assert probe_connection(connected) == "It works."
    forge.add_run()
    assert "running" in probe_connection(connected)
    forge.fault("status", status=404)
    with pytest.raises(BadInput):
        probe_connection(connected)


def follow() -> int:
    try:
        return asyncio.run(follow_due())
    finally:
        close_pool()


def test_an_end_that_no_webhook_told_of_is_found(connected: ForgeConnection, forge: GitHubServer) -> None:
    row = heard(connected, forge)
    assert follow() == 0
    forge.end_run(int(row.external_id), "failure")
    Pipeline.objects.update(due_at=timezone.now())
    assert follow() == 1
    row.refresh_from_db()
    assert (row.state, row.due_at) == ("failed", None)
    assert len(cards("pipeline-end")) == 1


def test_a_forge_that_is_away_is_asked_later_and_what_is_gone_is_not(
    connected: ForgeConnection, forge: GitHubServer
) -> None:
    row = heard(connected, forge)
    Pipeline.objects.update(due_at=timezone.now())
    forge.fault("status", status=503, times=9)
    follow()
    row.refresh_from_db()
    connected.refresh_from_db()
    assert row.due_at is not None
    assert row.due_at > timezone.now()
    assert connected.failures == 1
    forge.on_loop(forge.plan.clear)
    forge.runs.clear()
    Pipeline.objects.update(due_at=timezone.now())
    follow()
    row.refresh_from_db()
    assert row.due_at is None


def test_what_was_only_told_is_never_asked_for(shop: Project, bob: Actor) -> None:
    connect(shop, "generic", repository="")
    row = Pipeline.objects.create(project=shop, provider="generic", external_id="1", state="running")
    with pytest.raises(BadInput):
        actions.cancel_pipeline(row, actor=bob)
