"""From a stored delivery to the chats that watch: once, in any order, and never by a stranger's leave."""

from __future__ import annotations

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bots.cards import CardView, render_card
from runbooks.models import CiDelivery, ForgeConnection, Pipeline, Project
from runbooks.workspaces.pipelines.showing import show_pipeline
from runbooks.workspaces.pipelines.store import (
    old_deliveries,
    old_pipelines,
    process_new,
    replay_delivery,
    store_delivery,
)
from sessions_app.models import Card, Session
from tests.contracts import hooks
from tests.runbooks.workspaces.pipelines.conftest import Deliver, cards, connect
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)
VIEW = CardView(zone=ZoneInfo("UTC"))


def text_of(card: Card) -> str:
    return render_card(card.kind, card.data, VIEW).text


def test_a_pipeline_is_one_message_and_its_failure_another_that_rings(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    assert deliver(hooks.github_run("in_progress", None), event="workflow_run").startswith("done: pipeline")
    (card,) = cards("pipeline")
    assert card.silent
    assert text_of(card).startswith("🔄 shop: pipeline")
    assert cards("pipeline-end") == []
    deliver(hooks.github_run(updated_at="2020-01-22T19:44:08Z"), event="workflow_run")
    assert [each.pk for each in cards("pipeline")] == [card.pk]
    (end,) = cards("pipeline-end")
    assert not end.silent
    assert "failed" in text_of(end)
    assert "https://github.com/octo/shop/actions/runs/30433642" in text_of(end)


def test_the_same_delivery_and_the_same_news_change_nothing(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    for number in ("one", "one", "two"):
        deliver(hooks.github_run(), event="workflow_run", number=number)
    assert CiDelivery.objects.count() == 2
    assert [(card.kind, card.version) for card in Card.objects.order_by("kind")] == [
        ("pipeline", 1),
        ("pipeline-end", 1),
    ]


def test_what_comes_late_does_not_wake_what_has_ended(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_run(), event="workflow_run")
    deliver(hooks.github_run("in_progress", None, updated_at="2020-01-22T19:40:00Z"), event="workflow_run")
    assert Pipeline.objects.get().state == "failed"


def test_another_attempt_that_fails_is_told_again(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_run(), event="workflow_run")
    deliver(hooks.github_run("in_progress", None, run_attempt=2), event="workflow_run")
    assert Pipeline.objects.get().state == "running"
    deliver(hooks.github_run(), event="workflow_run")  # the first attempt, once more
    assert Pipeline.objects.get().state == "running"
    deliver(hooks.github_run(run_attempt=2), event="workflow_run")
    assert len(cards("pipeline-end")) == 2
    assert "attempt 2" in text_of(cards("pipeline")[0])


def test_jobs_are_stages_and_a_failing_one_rings_before_the_end(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    assert deliver(hooks.github_job(), event="workflow_job") == "done: job of an unknown pipeline"
    deliver(hooks.github_run("in_progress", None), event="workflow_run")
    deliver(hooks.github_job(), event="workflow_job")
    deliver(hooks.github_job("in_progress", None), event="workflow_job")  # late
    assert "❌ test" in text_of(cards("pipeline")[0])
    assert len(cards("pipeline-end")) == 1
    deliver(hooks.github_run(updated_at="2020-01-22T19:50:00Z"), event="workflow_run")
    assert len(cards("pipeline-end")) == 1


def test_gitlab_runs_a_pipeline_again_under_its_number(shop: Project, deliver: Deliver) -> None:
    connect(shop, "gitlab", repository="shop/web")
    deliver(hooks.gitlab_pipeline("failed"), kind="gitlab")
    deliver(hooks.gitlab_pipeline("running", finished_at=None), kind="gitlab")  # late: it never ended before
    assert Pipeline.objects.get().state == "failed"
    deliver(hooks.gitlab_pipeline("running"), kind="gitlab")
    row = Pipeline.objects.get()
    assert (row.state, row.attempt) == ("running", 2)
    deliver(hooks.gitlab_pipeline("failed", finished_at="2016-08-12 16:26:29 UTC"), kind="gitlab")
    assert len(cards("pipeline-end")) == 2


@pytest.mark.parametrize("late", ["failed", "running"])
def test_what_gitlab_told_before_a_later_end_changes_nothing(shop: Project, deliver: Deliver, late: str) -> None:
    connect(shop, "gitlab", repository="shop/web")
    deliver(hooks.gitlab_pipeline("failed"), kind="gitlab")
    deliver(hooks.gitlab_pipeline("success", finished_at="2016-08-12 16:26:29 UTC"), kind="gitlab")
    deliver(hooks.gitlab_pipeline(late), kind="gitlab")
    row = Pipeline.objects.get()
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert len(cards("pipeline-end")) == 2


def test_changes_and_deploys_are_told(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_change(title="<b>Free</b> beer\nhttp://evil.example"), event="pull_request")
    deliver(hooks.github_change(action="reopened", title="<b>Free</b> beer\nhttp://evil.example"), event="pull_request")
    (change,) = cards("forge-change")
    assert "new change request #2 by mona" in text_of(change)
    assert "<b>Free</b> beer http://evil.example" in text_of(change).splitlines()
    for state in ("in_progress", "failure", "failure"):
        deliver(hooks.github_deploy(state), event="deployment_status")
    (deploy,) = cards("forge-deploy")
    assert (deploy.ring, deploy.silent) == ("new", False)
    assert "the deploy to production has failed" in text_of(deploy)


def test_who_does_not_watch_hears_nothing(shop: Project, people: People, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_run(), event="workflow_run")
    assert set(Card.objects.values_list("session_id", flat=True)) == {people.bobs.pk}


def test_who_was_let_out_is_told_nothing_more(shop: Project, people: People, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_run("in_progress", None), event="workflow_run")
    Session.objects.filter(pk=people.alices.pk).update(chat_id=people.alice.external_id)
    member = shop.members.create(subject=people.alice.person, role="viewer")
    show_pipeline(Pipeline.objects.get(), ask_session=people.alices.pk)
    show_pipeline(Pipeline.objects.get(), ask_session=people.group.pk)
    deliver(hooks.github_job(), event="workflow_job")
    assert "❌ test" in text_of(Card.objects.get(kind="pipeline", session=people.alices))
    assert "❌ test" not in text_of(Card.objects.get(kind="pipeline", session=people.group))
    member.delete()
    deliver(hooks.github_run(updated_at="2020-01-22T19:50:00Z"), event="workflow_run")
    assert "at work" in text_of(Card.objects.get(kind="pipeline", session=people.alices))
    assert "failed" in text_of(Card.objects.get(kind="pipeline", session=people.bobs))


def test_what_cannot_be_read_is_put_away_and_can_be_replayed(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    assert deliver({"workflow_run": 5}, event="workflow_run").startswith("bad: This is no delivery of GitHub")
    assert replay_delivery(CiDelivery.objects.get().pk)
    assert process_new() == 1
    assert CiDelivery.objects.get().state == "bad"
    assert old_deliveries().count() == 0
    CiDelivery.objects.update(received_at=timezone.now() - timedelta(days=20))
    assert old_deliveries().count() == 1


def test_a_pipeline_nothing_was_heard_of_for_a_year_goes(shop: Project, deliver: Deliver) -> None:
    connect(shop)
    deliver(hooks.github_run(), event="workflow_run")
    assert old_pipelines().count() == 0
    Pipeline.objects.update(heard_at=timezone.now() - timedelta(days=366))
    assert old_pipelines().count() == 1


def test_without_a_connection_a_stored_delivery_does_nothing(shop: Project, deliver: Deliver) -> None:
    row = connect(shop)
    store_delivery(shop.pk, kind="github", delivery_id="x", event="workflow_run", body=json.dumps(hooks.github_run()))
    ForgeConnection.objects.filter(pk=row.pk).update(enabled=False)
    process_new()
    assert (Pipeline.objects.count(), CiDelivery.objects.get().outcome) == (0, "the connection was removed")


def test_the_small_form_shows_a_pipeline_without_buttons(shop: Project, deliver: Deliver) -> None:
    connect(shop, "generic", repository="")
    body = {"kind": "pipeline", "id": "b-1", "state": "waiting", "stages": [{"name": "deploy", "state": "waiting"}]}
    deliver(body, kind="generic")
    card = cards("pipeline")[0]
    assert render_card(card.kind, card.data, VIEW).buttons == ()
    assert len(cards("pipeline-end")) == 1  # somebody is waited for
