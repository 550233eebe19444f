"""/pipeline_status, /cancel_pipeline, /pipeline: what is shown, what is asked for, and for whom nothing exists."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bots.cards import CardView, render_card
from bots.commands.pipeline_words import Order, read_order
from bots.commands.registry import match_command
from clawsite.core.errors import BadInput
from runbooks.models import CurrentProject, ForgeConnection, Job, Pipeline, Project
from runbooks.workspaces.pipelines.showing import pipeline_facts
from runbooks.workspaces.pipelines.values import JobInfo, State, stage_of, to_rows
from sessions_app.models import Card
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)
VIEW = CardView(zone=ZoneInfo("UTC"))


@pytest.fixture
def shop(people: People) -> Project:
    project = Project.objects.create(key="shop-1", name="shop", owner=people.bob.person, type="python", state="ready")
    CurrentProject.objects.create(session=people.bobs, subject=people.bob.person, project=project)
    ForgeConnection.objects.create(project=project, kind="github", repository="octo/shop", token="t", workflow="ci.yml")
    return project


def pipeline(shop: Project, state: str = "running", *, stage: str = "test", **fields: Any) -> Pipeline:
    stages = to_rows([stage_of(stage, [JobInfo(id="1", name=stage, state=State(state))])])
    given = {"provider": "github", "external_id": str(Pipeline.objects.count()), "stages": stages} | fields
    return Pipeline.objects.create(project=shop, state=state, ref="main", name="ci", **given)


def orders() -> list[tuple[str, int | None, str, str]]:
    rows = Job.objects.order_by("pk").values_list("params", flat=True)
    return [(row["verb"], row["pipeline"], row["ref"], row["name"]) for row in rows]


def said(answer: tuple[Any, ...]) -> str:
    return "\n".join(message.text for message in answer)


def test_the_status_is_a_card_that_moves_to_the_end(people: People, say: Say, shop: Project) -> None:
    row = pipeline(shop)
    for text in ("/pipeline_status", f"/pipeline-status {row.pk}", f"/pipeline status {row.pk}", "pipeline status"):
        assert say(people.bob, people.bobs, text) == ()
    card = Card.objects.get()
    message = render_card(card.kind, card.data, VIEW)
    assert message.text.splitlines()[0] == f"🔄 shop: pipeline {row.pk} ci · at work"
    assert [button.data for line in message.buttons for button in line] == [f"cmd:cancel_pipeline {row.pk}"]
    row.refresh_from_db()
    assert row.due_at is not None  # it is asked for anew


def test_without_any_it_says_how_to_start_one(people: People, say: Say, shop: Project) -> None:
    assert "/pipeline start" in said(say(people.bob, people.bobs, "/pipeline_status"))
    assert "/pipeline start" in said(say(people.bob, people.bobs, "/pipeline"))


def test_the_list_has_a_button_for_each(people: People, say: Say, shop: Project) -> None:
    first, second = pipeline(shop, "failed"), pipeline(shop)
    (message,) = say(people.bob, people.bobs, "/pipeline list")
    assert message.text.splitlines()[2].startswith("🔄")
    assert [button.data for line in message.buttons for button in line] == [
        f"cmd:pipeline_status {second.pk}",
        f"cmd:pipeline_status {first.pk}",
    ]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("/pipeline start", ("start", None, "main", "")),
        ("/pipeline start topic/One", ("start", None, "topic/One", "")),
        ("start the pipeline", ("start", None, "main", "")),
        ("rodar o pipeline", ("start", None, "main", "")),
        ("запусти пайплайн", ("start", None, "main", "")),
    ],
)
def test_starting(people: People, say: Say, shop: Project, text: str, order: Any) -> None:
    assert say(people.bob, people.bobs, text) == ()
    assert orders() == [order]


def test_retrying_and_approving(people: People, say: Say, shop: Project) -> None:
    over, waiting = pipeline(shop, "failed"), pipeline(shop, "waiting")
    say(people.bob, people.bobs, f"/pipeline retry {over.pk}")
    say(people.bob, people.bobs, f"/pipeline approve {waiting.pk} deploy production")
    say(people.bob, people.bobs, f"повтори пайплайн {over.pk}")
    assert orders() == [
        ("retry", over.pk, "", ""),
        ("approve", waiting.pk, "", "deploy production"),
        ("retry", over.pk, "", ""),
    ]


def test_the_button_approves_what_is_shown_beside_it(people: People, say: Say, shop: Project) -> None:
    row = pipeline(shop, "waiting", stage="deploy staging")
    message = render_card("pipeline", pipeline_facts(row), VIEW)
    press = f"/{message.buttons[0][0].data.removeprefix('cmd:')}"
    assert say(people.bob, people.bobs, press, pressed="9") == ()
    assert Job.objects.get().params["shown"] == pipeline_facts(row)["waits"]
    assert orders() == [("approve", row.pk, "", "")]

    other = pipeline(shop, "waiting", stage="deploy production", external_id="x")
    Pipeline.objects.filter(pk=row.pk).update(stages=[other.stages[0] | {"name": "deploy production"}])
    assert "has changed" in said(say(people.bob, people.bobs, press, pressed="9"))
    assert len(orders()) == 1


def test_cancelling_asks_while_something_is_being_changed(people: People, say: Say, shop: Project) -> None:
    testing, deploying = pipeline(shop), pipeline(shop, stage="deploy production")
    assert "is being cancelled" in said(say(people.bob, people.bobs, f"/cancel_pipeline {testing.pk}"))
    (question,) = say(people.bob, people.bobs, f"/cancel-pipeline {deploying.pk}")
    assert "half done" in question.text
    assert len(orders()) == 1
    sure = question.buttons[0][0].data.removeprefix("cmd:")
    say(people.bob, people.bobs, f"/{sure}", pressed="9")
    assert orders()[1] == ("cancel", deploying.pk, "", "")


def test_one_whose_stages_are_unknown_may_be_changing_something(people: People, say: Say, shop: Project) -> None:
    row = pipeline(shop, stages=[])
    assert "half done" in said(say(people.bob, people.bobs, f"/cancel_pipeline {row.pk}"))


def test_a_token_is_never_asked_for_in_a_chat(people: People, say: Say, shop: Project) -> None:
    answer = said(say(people.bob, people.bobs, "/pipeline connect ghp_secret"))
    assert "admin pages" in answer
    assert "ghp_secret" not in answer
    assert Job.objects.count() == 0


def test_for_charlie_and_for_an_admin_who_is_no_member_there_is_no_such_pipeline(
    people: People, say: Say, shop: Project
) -> None:
    row = pipeline(shop)
    unknown = said(say(people.alice, people.alices, f"/pipeline_status {row.pk + 50}"))
    for text in (f"/pipeline_status {row.pk}", f"/pipeline retry {row.pk}", f"/cancel_pipeline {row.pk}"):
        assert said(say(people.alice, people.alices, text)) == unknown.replace(str(row.pk + 50), str(row.pk))
        say(people.charlie, people.group, text)
    assert Card.objects.count() == 0
    assert Job.objects.count() == 0


def test_a_developer_may_not_approve(people: People, say: Say, shop: Project) -> None:
    shop.members.create(subject=people.alice.person, role="developer")
    row = pipeline(shop, "waiting")
    assert "maintainer" in said(say(people.alice, people.alices, f"/pipeline approve {row.pk}"))
    assert orders() == []


@pytest.mark.parametrize(
    "text", ["pipelines are great", "the pipeline failed again", "run the pipeline tomorrow please"]
)
def test_ordinary_sentences_do_nothing(people: People, text: str) -> None:
    found = match_command(text, bot_username="clawbot")
    assert found is None or "pipeline" not in found.command.name


def test_words_are_read() -> None:
    assert read_order("#12") == Order(verb="status", number=12)
    assert read_order("cancelar 12 sim") == Order(verb="cancel", number=12, sure=True)
    with pytest.raises(BadInput):
        read_order("explode 12")
