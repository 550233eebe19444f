"""/runbook: what words start which runbook, who may, and what its card shows."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from bots import texts
from bots.cards import CardView, render_card
from bots.commands.registry import match_command
from bots.commands.runbook_words import read_order
from clawsite.core.models import AuditEvent
from guardrails.approvals import create_approval
from runbooks.models import Run
from runbooks.runner import perform
from sessions_app.models import Card, Contact
from tests.bots.commands.conftest import Say
from tests.runbooks.books.making import ECHO, saved, step
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db(transaction=True)
VIEW = CardView(zone=ZoneInfo("UTC"))
HOSTED = ECHO | {"host": ["echo"]}


def shown(key: str) -> str:
    """Return what a chat sees of a card."""
    card = Card.objects.get(key=key)
    return render_card(card.kind, card.data, VIEW).text


@pytest.mark.parametrize(
    "text",
    [
        "/runbook restart-api", "/runbook run restart-api", "runbook restart-api", "run runbook restart-api",
        "Executar runbook restart-api", "executar restart-api", "запусти ранбук restart-api", "выполни restart-api",
        "Run the runbook restart-api.", "/rb restart_api",
    ],
)  # fmt: skip
def test_plain_words_in_three_languages_run_it(people: People, say: Say, text: str) -> None:
    saved(HOSTED, name="restart-api")
    assert say(people.bob, people.bobs, text) == ()
    run = Run.objects.get()
    assert (run.name, run.requested_by, run.session_id) == ("restart-api", people.bob.person, people.bobs.pk)


@pytest.mark.parametrize("text", ["run away", "executar o plano amanhã", "run runbook", "execute this: rm -rf"])
def test_ordinary_sentences_run_nothing(people: People, text: str) -> None:
    found = match_command(text, bot_username="clawbot")
    assert found is None or found.command.name != "runbook"


def test_its_card_tells_each_step_and_its_end_rings(people: People, say: Say) -> None:
    failing = step("command", "Restarting the API", argv=["false"], host=["false"])
    saved(HOSTED, failing, name="restart-api")
    say(people.bob, people.bobs, "/runbook restart-api")
    run = Run.objects.get()
    perform(run.job_id)

    text = shown(run.ref)
    assert f"❌ The runbook restart-api · run {run.pk} · by Bob" in text
    assert "✅ [1/2] Say hello ... ok (0" in text
    assert "❌ [2/2] Restarting the API ... failed (0" in text
    assert "hello" in text
    assert "has failed after 1 of 2 steps." in shown(f"{run.ref}:end")
    assert Card.objects.get(key=run.ref).silent
    assert not Card.objects.get(key=f"{run.ref}:end").silent


def test_parameters_by_name_in_order_and_when_they_are_missing(people: People, say: Say) -> None:
    parameters = [
        {"name": "count", "type": "integer", "max": 9, "required": True},
        {"name": "why", "default": "no reason"},
    ]
    saved(HOSTED, name="scale-workers", parameters=parameters)

    assert "Write: /runbook scale-workers count=…" in say(people.bob, people.bobs, "/runbook scale-workers")[0].text
    assert say(people.bob, people.bobs, '/runbook scale-workers 5 why="Black Friday"') == ()
    assert Run.objects.get().parameters == {"count": 5, "why": "Black Friday"}
    for line, reason in {
        "count=ten": "must be a whole number", "count=10": "must be at most 9", "count=1 x y z": "“y”",
        "count=1 why=--force": "must not begin with a dash", "other=1": "no parameter named 'other'",
    }.items():  # fmt: skip
        assert reason in say(people.bob, people.bobs, f"/runbook scale-workers {line}")[0].text
    assert Run.objects.count() == 1


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "The parameter 'count' must be at most 9."),
        ("pt-br", "O parâmetro 'count' deve ser no máximo 9."),
        ("ru", "Параметр 'count' должен быть не больше 9."),
    ],
)
def test_what_is_wrong_is_said_in_the_language_of_the_chat(people: People, say: Say, language: str, words: str) -> None:
    saved(HOSTED, name="scale-workers", parameters=[{"name": "count", "type": "integer", "max": 9, "required": True}])
    answer = say(people.bob, people.bobs, "/runbook scale-workers count=12", language=language)
    assert words in answer[0].text


def test_an_unknown_name_gets_a_suggestion(people: People, say: Say) -> None:
    saved(HOSTED, name="restart-api")
    answer = say(people.bob, people.bobs, "executar runbook restart-apy")[0]
    assert answer.text == "There is no runbook named “restart-apy”. Did you mean restart-api?"
    assert answer.buttons[0][0].data == "cmd:runbook show restart-api"
    assert "lists them" in say(people.bob, people.bobs, "/runbook zzz")[0].text


def test_looking_needs_a_viewer_and_running_an_operator(people: People, say: Say) -> None:
    saved(HOSTED, name="restart-api")
    people.charlie.state = Contact.State.APPROVED
    people.charlie.save()
    assert "restart-api" in say(people.charlie, people.group, "/runbooks")[0].text
    assert "1. Say hello" in say(people.charlie, people.group, "/runbook show restart-api")[0].text
    for line in ("restart-api", "dry restart-api", "cancel 1"):
        assert "Only" in say(people.charlie, people.group, f"/runbook {line}")[0].text
    assert not Run.objects.exists()


def test_the_button_stops_a_run(people: People, say: Say) -> None:
    saved(step("wait", seconds=600))
    say(people.bob, people.bobs, "/runbook try")
    run = Run.objects.get()
    perform(run.job_id)
    card = Card.objects.get(key=run.ref)
    assert "⏸ [1/1] A step ... waiting" in shown(run.ref)
    assert render_card(card.kind, card.data, VIEW).buttons[0][0].data == f"cmd:runbook cancel {run.pk}"

    assert "is being stopped" in say(people.alice, people.alices, f"/runbook cancel {run.pk}")[0].text
    assert "was cancelled after 0 of 1 steps" in shown(f"{run.ref}:end")
    card.refresh_from_db()
    assert render_card(card.kind, card.data, VIEW).buttons == ()
    assert "over already" in say(people.bob, people.bobs, f"/runbook cancel {run.pk}")[0].text


def test_a_dry_run_shows_what_would_run(people: People, say: Say) -> None:
    saved(HOSTED)
    say(people.bob, people.bobs, "/runbook dry try")
    run = Run.objects.get()
    perform(run.job_id)
    assert "1. Say hello: echo hello" in shown(run.ref)
    assert "Nothing was done." in shown(run.ref)
    assert not Card.objects.filter(key=f"{run.ref}:end").exists()


def test_a_request_is_decided_by_its_code(people: People, say: Say) -> None:
    request = create_approval("other", subject_hash="0" * 64, summary="x", requested_by="user:9")
    stranger = say(people.charlie, people.group, f"/approve {request.key}")[0].text
    assert stranger == texts.unknown_command()
    assert say(people.bob, people.bobs, f"approve {request.key.upper()}")[0].text == "Approved by Bob."
    assert "already decided" in say(people.alice, people.alices, f"/reject {request.key}")[0].text
    assert "already decided" in say(people.bob, people.bobs, "/approve forged\x00key")[0].text
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions == ["approval.approved", "approval.late", "approval.unknown"]


def test_words_are_read_with_quotes_and_a_group() -> None:
    order = read_order("run restart-api group=12 text='a b' x")
    assert (order.verb, order.name, order.group_id) == ("run", "restart-api", 12)
    assert (order.params, order.words) == ({"text": "a b"}, ("x",))


def stopped(people: People, say: Say, **options: bool) -> Run:
    """Return a run of Bob's that Alice stopped when one step was done, which another one would undo."""
    undo = {"title": "Back again", "kind": "command", "with": {"argv": ["true"]}, "host": ["true"]}
    saved(HOSTED | {"rollback": undo}, step("wait", seconds=600), name="restart-api", **options)
    say(people.bob, people.bobs, "/runbook restart-api")
    run = Run.objects.get()
    perform(run.job_id)
    say(people.alice, people.alices, f"/runbook cancel {run.pk}")
    return run


def test_a_cancelled_run_says_that_nothing_was_rolled_back_and_offers_it(people: People, say: Say) -> None:
    run = stopped(people, say)
    card = render_card("run", Card.objects.get(key=run.ref).data, VIEW)
    assert "Nothing was rolled back." in card.text
    assert "Nothing was rolled back." in shown(f"{run.ref}:end")
    assert card.buttons[0][0].data == f"cmd:runbook undo {run.pk}"

    assert say(people.charlie, people.group, f"/runbook undo {run.pk}")[0].text == texts.unknown_command()
    assert say(people.bob, people.bobs, f"/runbook undo {run.pk}", pressed="77") == ()
    undoing = Run.objects.get(undoes=run)
    card = render_card("run", Card.objects.get(key=run.ref).data, VIEW)
    assert f"↩️ What was done is rolled back by run {undoing.pk}." in card.text
    assert card.buttons == ()
    perform(undoing.job_id)
    assert "✅ ↩️ The runbook restart-api is done: 1 of 1 steps" in shown(f"{undoing.ref}:end")
    assert "rolled back already" in say(people.bob, people.bobs, f"/runbook undo {run.pk}")[0].text


@pytest.mark.parametrize("on_failure", ["stop", "rollback"])
def test_a_run_that_failed_offers_to_roll_back_what_it_left(people: People, say: Say, on_failure: str) -> None:
    undo = {"title": "Back again", "kind": "command", "with": {"argv": ["true"]}, "host": ["true"]}
    breaks = step("command", argv=["false"], host=["false"], on_failure=on_failure)
    saved(HOSTED | {"rollback": undo}, breaks, name="restart-api")
    say(people.bob, people.bobs, "/runbook restart-api")
    run = Run.objects.get()
    perform(run.job_id)
    is_left = on_failure == "stop"
    card = render_card("run", Card.objects.get(key=run.ref).data, VIEW)
    assert ("Nothing was rolled back." in card.text, bool(card.buttons)) == (is_left, is_left)
    assert ("Nothing was rolled back." in shown(f"{run.ref}:end")) is is_left
    if is_left:
        assert card.buttons[0][0].data == f"cmd:runbook undo {run.pk}"
        say(people.bob, people.bobs, f"/runbook undo {run.pk}", pressed="77")
        assert f"rolled back by run {Run.objects.get(undoes=run).pk}." in shown(run.ref)


def test_a_cancelled_run_rolls_back_by_itself_where_its_runbook_says_so(people: People, say: Say) -> None:
    run = stopped(people, say, rollback_on_cancel=True)
    undoing = Run.objects.get(undoes=run)
    assert f"rolled back by run {undoing.pk}." in shown(f"{run.ref}:end")
    assert undoing.session_id == people.bobs.pk
