"""Approvals in runs: by whom, how often, until when, and of exactly what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bots.cards import CardView, render_card
from clawsite.core.models import AuditEvent, User
from guardrails.approvals import decide, expire_due
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.models import Job, Run
from sessions_app.models import Card
from tests.runbooks.books.making import go, saved, start, states, step, touch
from tests.runbooks.books.test_running import lines
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)
CAROL = Actor(subject="user:5", role=Role.OPERATOR, name="Carol")


def asked(tmp_path: Path, **values: Any) -> Run:
    """Start a runbook of Bob's that waits for an approval, then does one thing."""
    saved(
        step("approval", "Asking", **values),
        touch("done", str(tmp_path)),
        parameters=[{"name": "why", "default": "no reason"}],
    )
    run = start(session_id=make_people().bobs.pk, params={"why": "it is slow"})
    assert go(run).state == "waiting_approval"
    return run


def waiting() -> Approval:
    return Approval.objects.get(state="waiting")


def shown(approval: Approval) -> tuple[str, int]:
    """Return what the chat sees of a request, and how many buttons it has."""
    card = Card.objects.get(key=f"approval:{approval.key}")
    message = render_card(card.kind, card.data, CardView(zone=ZoneInfo("UTC")))
    return message.text, sum(len(row) for row in message.buttons)


def actions() -> list[str]:
    found = AuditEvent.objects.filter(action__startswith="approval.").order_by("pk")
    return list(found.values_list("action", flat=True))


def test_what_is_asked_for_is_shown_and_the_decision_is_written_into_it(tmp_path: Path) -> None:
    run = asked(tmp_path)
    request = waiting()
    text, buttons = shown(request)
    assert (buttons, request.key in text) == (2, True)
    for part in ("The runbook try (try v1)", "why = it is slow", "2. Touch done: tee -a"):
        assert part in text
    assert lines(tmp_path / "done") == 0

    assert decide(request.key, actor=ALICE, approve=True).outcome == "approved"
    assert "Approved by user:1." in shown(request)[0]
    job = go(run)
    assert (job.state, states(job), lines(tmp_path / "done")) == ("succeeded", ["ok", "ok"], 1)
    assert job.saved["progress"]["do"][0]["note"] == "user:1"


def test_a_refusal_ends_the_run(tmp_path: Path) -> None:
    run = asked(tmp_path)
    decide(waiting().key, actor=ALICE, approve=False)
    job = go(run)
    assert (job.state, job.error) == ("failed", "Asking: user:1 said no.")
    assert lines(tmp_path / "done") == 0


def test_the_wrong_person_decides_nothing_and_is_written_down(tmp_path: Path) -> None:
    run = asked(tmp_path, role="admin", no_self=True)
    for actor in (CHARLIE, VIEWER, BOB, CAROL):
        assert decide(waiting().key, actor=actor, approve=True).outcome == "not_allowed"
    assert actions() == ["approval.refused"] * 4
    assert Job.objects.get(pk=run.job_id).state == "waiting_approval"


def test_who_started_it_may_not_decide_it_where_the_step_says_so(tmp_path: Path) -> None:
    asked(tmp_path, no_self=True)
    bob_as_admin = Actor(subject=BOB.subject, role=Role.ADMIN, name="Bob")
    assert decide(waiting().key, actor=bob_as_admin, approve=True).outcome == "not_allowed"
    assert decide(waiting().key, actor=CAROL, approve=True).outcome == "approved"


def test_only_the_named_people_or_an_admin_decide(tmp_path: Path) -> None:
    asked(tmp_path, people=[CAROL.subject])
    assert decide(waiting().key, actor=BOB, approve=True).outcome == "not_allowed"
    assert decide(waiting().key, actor=CAROL, approve=True).outcome == "approved"


def test_who_is_named_is_asked_in_their_own_chat_too(tmp_path: Path) -> None:
    people = make_people()
    people.alice.external_id = people.alices.chat_id
    people.alice.save()
    alice = f"contact:{people.alice.pk}"
    saved(step("approval", people=[alice, "user:99"]), touch("done", str(tmp_path)))
    run = start()  # from no chat
    assert go(run).state == "waiting_approval"
    card = Card.objects.get(kind="approval")
    assert (card.session_id, card.data["state"]) == (people.alices.pk, "waiting")
    decide(waiting().key, actor=people.alice.actor, approve=True)
    card.refresh_from_db()
    assert (card.data["state"], card.data["by"]) == ("approved", "Alice")
    assert go(run).state == "succeeded"


def test_a_named_contact_that_is_linked_decides_as_its_user() -> None:
    people = make_people()
    people.alice.user = User.objects.create(username="alice")
    people.alice.role = "viewer"
    people.alice.save()
    saved(step("approval", people=[f"contact:{people.alice.pk}"]), step("wait", seconds=0))
    run = start()
    go(run)
    assert decide(waiting().key, actor=people.alice.actor, approve=True).outcome == "approved"
    assert go(run).state == "succeeded"


def test_who_decides_sees_what_is_sent_and_that_there_is_more() -> None:
    saved(
        step("approval"),
        step("http", "Scale", base="guardian", method="POST", path=["workers"], json={"count": "{count}"}),
        step("command", "Long", argv=["echo", "x" * 400]),
        parameters=[{"name": "count", "type": "integer", "default": 3}],
    )
    run = start(session_id=make_people().bobs.pk)
    go(run)
    text = shown(waiting())[0]
    assert '2. Scale: POST guardian/workers {"count": 3}' in text
    assert "xx…" in text


def test_who_decides_is_not_misled_by_what_is_not_seen() -> None:
    argv = ["echo", "{word}"]
    saved(step("approval"), step("command", argv=argv), parameters=[{"name": "word", "required": True}])
    go(start(session_id=make_people().bobs.pk, params={"word": "db\u202etset"}))
    text = shown(waiting())[0]
    assert "\u202e" not in text
    assert text.count("db\ufffdtset") == 2


def test_several_are_several_people(tmp_path: Path) -> None:
    run = asked(tmp_path, count=2)
    first = waiting()
    assert decide(first.key, actor=CAROL, approve=True).outcome == "approved"
    assert go(run).state == "waiting_approval"
    second = waiting()
    assert "(2/2)" in shown(second)[0]
    assert decide(second.key, actor=CAROL, approve=True).outcome == "not_allowed"
    assert decide(second.key, actor=ALICE, approve=True).outcome == "approved"
    job = go(run)
    assert (job.state, job.saved["progress"]["do"][0]["note"]) == ("succeeded", "user:5, user:1")


def test_a_second_press_and_a_late_one_change_nothing(tmp_path: Path) -> None:
    run = asked(tmp_path, minutes=10)
    key = waiting().key
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert decide(key, actor=ALICE, approve=True).outcome == "late"
    assert expire_due() == 1
    assert decide(key, actor=ALICE, approve=True).outcome == "late"
    job = go(run)
    assert (job.state, job.error) == ("failed", "Asking: Nobody decided in time.")
    assert actions() == ["approval.late", "approval.expired", "approval.late"]
    assert shown(Approval.objects.get())[1] == 0
    assert lines(tmp_path / "done") == 0


def test_the_first_decision_wins_and_the_run_goes_on_once(tmp_path: Path) -> None:
    run = asked(tmp_path)
    key = waiting().key
    assert decide(key, actor=CAROL, approve=True).outcome == "approved"
    assert decide(key, actor=ALICE, approve=False).outcome == "late"
    assert go(run).state == "succeeded"
    assert lines(tmp_path / "done") == 1


@pytest.mark.parametrize("change", [{"parameters": {"why": "another"}}, {"target": "other"}, {"plan": []}])
def test_what_was_changed_after_asking_is_not_run(tmp_path: Path, change: dict[str, Any]) -> None:
    run = asked(tmp_path)
    request = waiting()
    Run.objects.filter(pk=run.pk).update(**change)
    decide(request.key, actor=ALICE, approve=True)
    job = go(run)
    assert (job.state, job.error) == ("failed", "The plan of this run was changed after it began, so it is not run.")
    assert lines(tmp_path / "done") == 0


def test_a_request_for_something_else_does_not_count(tmp_path: Path) -> None:
    run = asked(tmp_path)
    request = waiting()
    Approval.objects.filter(pk=request.pk).update(subject_hash="0" * 64)
    decide(request.key, actor=ALICE, approve=True)
    assert go(run).error == "Asking: What was asked for is not what would run now."


def test_a_decision_on_another_run_does_not_let_this_one_go_on(tmp_path: Path) -> None:
    run = asked(tmp_path)
    first = waiting()
    jobs.cancel_job(run.job.key, actor=BOB)
    other = start(session_id=run.session_id)
    assert go(other).state == "waiting_approval"
    assert decide(first.key, actor=ALICE, approve=True).outcome == "late"
    assert Job.objects.get(pk=other.job_id).state == "waiting_approval"
    assert waiting().subject_hash != first.subject_hash


def test_a_run_that_is_over_asks_for_nothing_any_more(tmp_path: Path) -> None:
    run = asked(tmp_path)
    request = waiting()
    jobs.cancel_job(run.job.key, actor=BOB)
    request.refresh_from_db()
    assert request.state == "expired"
    assert "not needed any more" in shown(request)[0]


def test_nothing_is_asked_for_a_job_that_does_not_wait(tmp_path: Path) -> None:
    saved(step("approval"), touch("done", str(tmp_path)))
    run = start()
    Job.objects.filter(pk=run.job_id).update(cancel_requested=True)
    assert go(run).state == "cancelled"
    assert not Approval.objects.exists()


def test_forged_keys_are_unknown_and_written_down(tmp_path: Path) -> None:
    asked(tmp_path)
    for key in ("x", "", waiting().key[:-1], "' OR 1=1 --", "\x00\ud800"):
        assert decide(key, actor=CAROL, approve=True).outcome == "unknown"
    assert actions() == ["approval.unknown"] * 5
