"""Buttons of deploys: pressed twice they ask once, and what is over is asked for anew or said to be over."""

from __future__ import annotations

import pytest
from django.utils import timezone

from bots.commands.registry import match_command
from guardrails.approvals import create_approval
from runbooks.books.asking import KIND
from runbooks.models import CurrentProject, Deploy, Environment, Job, Project, Run
from tests.bots.commands.conftest import Say
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(people: People) -> Project:
    project = Project.objects.create(key="shop-1", name="shop", owner=people.bob.person, type="python", state="ready")
    CurrentProject.objects.create(session=people.bobs, subject=people.bob.person, project=project)
    for position, name in enumerate(("staging", "production")):
        Environment.objects.create(project=project, name=name, position=position)
    return project


def orders() -> list[tuple[str, str]]:
    rows = Job.objects.order_by("pk").values_list("params", flat=True)
    return [(row["kind"], row["environment"]) for row in rows]


def end_all() -> None:
    Job.objects.update(state="succeeded", ended_at=timezone.now())


@pytest.mark.parametrize(
    ("text", "command", "args"),
    [
        ("Deploy to staging", "deploy", "staging"), ("fazer deploy em staging", "deploy", "staging"),
        ("implanta staging", "deploy", "staging"), ("выкати на staging", "deploy", "staging"),
        ("roll back staging", "rollback", "staging"), ("reverter staging", "rollback", "staging"),
        ("откати staging", "rollback", "staging"), ("aprova produção", "approve_production", ""),
    ],
)  # fmt: skip
def test_plain_words_in_three_languages(text: str, command: str, args: str) -> None:
    found = match_command(text, bot_username="clawbot")
    assert found is not None
    assert (found.command.name, found.args) == (command, args)


def test_each_button_of_a_question_counts_once(people: People, say: Say, shop: Project) -> None:
    (question,) = say(people.bob, people.bobs, "/deploy")
    staging, production = [button.data.removeprefix("cmd:") for button in question.buttons[0]]
    for press in (staging, staging, production):
        assert say(people.bob, people.bobs, f"/{press}", pressed="9") == ()
    assert orders() == [("deploy", "staging"), ("deploy", "production")]

    end_all()
    assert say(people.bob, people.bobs, f"/{staging}", pressed="9") == ()
    assert orders()[2:] == [("deploy", "staging")]


def test_a_button_takes_back_once(people: People, say: Say, shop: Project) -> None:
    press = "/rollback staging in shop-1"
    assert say(people.bob, people.bobs, press, pressed="9") == ()
    end_all()
    (answer,) = say(people.bob, people.bobs, press, pressed="9")

    assert answer.text == "This deployment is over already."
    assert orders() == [("rollback", "staging")]
    assert say(people.bob, people.bobs, press) == ()
    assert len(orders()) == 2


def test_somebody_elses_deploy_is_none(people: People, say: Say, shop: Project) -> None:
    say(people.bob, people.bobs, "/deploy staging")
    (answer,) = say(people.alice, people.alices, f"/deploy cancel {Job.objects.get().key[:12]}")

    assert answer.text == "There is no such deployment."


def test_what_was_approved_unseen_is_named(people: People, say: Say, shop: Project) -> None:
    say(people.bob, people.bobs, "/deploy production")
    job = Job.objects.get()
    place = Environment.objects.get(name="production")
    Deploy.objects.create(project=shop, environment=place, job=job, commit="ab" * 20, requested_by="user:7")
    told = {"environment": "production", "commit": "ab" * 20}
    run = Run.objects.create(job=job, name="deploy", title="shop", target="t", parameters=told, requested_name="Dana")
    create_approval(
        KIND,
        subject_hash="0" * 64,
        summary="s",
        requested_by="user:7",
        allowed=[people.bob.person],
        data={"run": run.pk},
    )
    (answer,) = say(people.bob, people.bobs, "/approve_production")

    assert answer.text.splitlines()[1] == "production abababab · Dana"
