"""Runs in the timeline of the incidents of their chat."""

from __future__ import annotations

import pytest

from bots.cards.incident import describe_event as worded
from runbooks import incidents
from runbooks.incidents.snapshot import describe_event
from runbooks.jobs import cancel_job
from runbooks.models import Incident
from sessions_app.models import Session
from tests.runbooks.books.making import ECHO, go, saved, start, step
from tests.runbooks.people import BOB
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def opened(place: Session) -> Incident:
    incident = incidents.open_incident("API is slow", actor=BOB, severity="P1")
    incidents.show_card(incident, place.pk)
    return incident


def lines(incident: Incident) -> list[str]:
    return [worded(describe_event(event)) for event in incident.events.exclude(kind="opened")]


def test_a_run_is_told_when_it_begins_and_when_it_ends() -> None:
    people = make_people()
    here, elsewhere, over = opened(people.bobs), opened(people.alices), opened(people.bobs)
    incidents.resolve(over.pk, actor=BOB)
    saved(ECHO)
    go(start(session_id=people.bobs.pk))
    assert lines(here) == [
        "Bob started the runbook The runbook try",
        "the runbook The runbook try is done",
    ]
    assert lines(elsewhere) == []
    assert lines(over) == ["resolved by Bob"]


def test_a_failure_says_why_and_a_cancel_is_none() -> None:
    people = make_people()
    incident = opened(people.bobs)
    saved(step("command", "Break it", argv=["false"]))
    go(start(session_id=people.bobs.pk))
    failed = lines(incident)[-1]
    assert failed.startswith("the runbook failed: The runbook try: Break it")
    run = start(session_id=people.bobs.pk)
    cancel_job(run.job.key, actor=BOB)
    assert lines(incident)[-1] == "the runbook The runbook try was cancelled"


def test_a_dry_run_and_a_run_of_no_chat_are_not_told() -> None:
    incident = opened(make_people().bobs)
    saved(ECHO)
    go(start(session_id=incident.sessions.get().pk, dry_run=True))
    go(start())
    assert lines(incident) == []
