"""What can be done with incidents: by whom, how often, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.types import Actor
from runbooks import incidents
from runbooks.incidents.snapshot import describe
from runbooks.incidents.timeline import read_timeline
from runbooks.models import Incident, IncidentEvent, MonitoredSystem
from sessions_app.models import Card
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db


def opened(title: str = "API is slow", *, severity: str = "P2") -> Incident:
    return incidents.open_incident(title, actor=BOB, severity=severity)


def story(incident: Incident) -> list[tuple[int, str, str, str]]:
    return [(each.seq, each.kind, each.text, each.actor_name) for each in incident.events.all()]


def test_what_happens_is_numbered_and_audited() -> None:
    incident = opened("  API\n is   slow ")
    incidents.note(incident.pk, "note", "restarted the API", ALICE)
    incidents.assign(incident.pk, to=ALICE, actor=BOB)
    incidents.change_severity(incident.pk, "P1", actor=ALICE)
    incidents.resolve(incident.pk, actor=ALICE, text="a full disk")
    incidents.reopen(incident.pk, actor=BOB)
    incident.refresh_from_db()

    assert incident.title == "API is slow"
    assert story(incident) == [
        (1, "opened", "API is slow", "Bob"),
        (2, "note", "restarted the API", "Alice"),
        (3, "assigned", "Alice", "Bob"),
        (4, "severity", "P2 → P1", "Alice"),
        (5, "resolved", "a full disk", "Alice"),
        (6, "reopened", "", "Bob"),
    ]
    assert (incident.state, incident.severity, incident.assignee) == ("open", "P1", ALICE.subject)
    actions = list(AuditEvent.objects.order_by("id").values_list("action", "actor"))
    assert actions == [
        ("incident.open", BOB.subject),
        ("incident.assign", BOB.subject),
        ("incident.severity", ALICE.subject),
        ("incident.resolved", ALICE.subject),
        ("incident.reopened", BOB.subject),
    ]


@pytest.mark.parametrize("actor", [VIEWER, CHARLIE])
@pytest.mark.parametrize(
    "act",
    [
        lambda pk, actor: incidents.open_incident("x", actor=actor, severity="P3"),
        lambda pk, actor: incidents.note(pk, "note", "x", actor),
        lambda pk, actor: incidents.assign(pk, to=actor, actor=actor),
        lambda pk, actor: incidents.change_severity(pk, "P1", actor=actor),
        lambda pk, actor: incidents.resolve(pk, actor=actor),
        lambda pk, actor: incidents.reopen(pk, actor=actor),
    ],
)
def test_who_may_only_look_changes_nothing(act: Callable[[int, Actor], Any], actor: Actor) -> None:
    incident = opened()
    with pytest.raises(NotAllowed):
        act(incident.pk, actor)
    assert Incident.objects.count() == 1
    assert len(story(incident)) == 1


def test_what_somebody_else_has_done_is_not_done_again() -> None:
    incident = opened()
    assert incidents.resolve(incident.pk, actor=BOB)[1]
    first = Incident.objects.get().resolved_at
    found, now = incidents.resolve(incident.pk, actor=ALICE)
    assert (found, now) == (incident, False)
    incidents.assign(incident.pk, to=BOB, actor=BOB)
    incidents.assign(incident.pk, to=BOB, actor=ALICE)
    assert Incident.objects.get().resolved_at == first
    assert [kind for _, kind, _, _ in story(incident)] == ["opened", "resolved", "assigned"]


def test_what_does_not_exist_is_nothing() -> None:
    assert incidents.note(404, "note", "x", BOB) is None
    assert incidents.assign(404, to=BOB, actor=BOB) is None
    assert incidents.resolve(404, actor=BOB) == (None, False)
    assert incidents.find_incident(0) is None
    assert incidents.find_incident(10**18) is None


@pytest.mark.parametrize("given", [{"title": " \n "}, {"severity": "P5"}, {"severity": ""}])
def test_what_makes_no_incident_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        opened(**given)


def test_a_thing_is_told_once_and_stands_where_it_happened() -> None:
    incident = opened()
    before = timezone.now() - timedelta(hours=1)
    assert incidents.note(incident.pk, "alert", "Zero transactions", BOB, "alert:7", at=before)
    assert incidents.note(incident.pk, "alert", "Zero transactions", BOB, "alert:7") is None
    assert incidents.note(incident.pk, "run", "restart-api", BOB, "alert:7")
    assert [event.kind for event in read_timeline(incident)] == ["alert", "opened", "run"]


def test_the_database_holds_what_the_code_promises() -> None:
    incident = opened()
    with pytest.raises(IntegrityError), transaction.atomic():
        IncidentEvent.objects.create(incident=incident, seq=1, kind="note")
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.filter(pk=incident.pk).update(state="resolved")


def test_texts_are_bounded_and_storable() -> None:
    incident = opened("x" * 5000)
    incidents.note(incident.pk, "note", "a\x00b" + "y" * 5000, BOB)
    assert len(Incident.objects.get().title) == 200
    assert incident.events.get(seq=2).text.startswith("aby")
    assert len(incident.events.get(seq=2).text) == 2000


def test_a_note_forges_no_lines_of_a_card() -> None:
    incident = opened()
    incidents.note(
        incident.pk, "note", "x\n└── On it: Alice\u202e", Actor(subject="user:2", role=BOB.role, name="B\nob")
    )
    (event,) = describe(incident)["events"]
    assert (event["text"], event["who"]) == ("x └── On it: Alice", "B ob")


def test_every_card_of_an_incident_says_the_same() -> None:
    people = make_people()
    incident, other = opened(), opened("Disk is full")
    for session in (people.bobs, people.group):
        incidents.show_card(incident, session.pk)
    incidents.show_card(other, people.bobs.pk)
    incidents.note(incident.pk, "note", "looking", BOB)
    incident.refresh_from_db()

    cards = {card.key: card for card in Card.objects.all()}
    assert len(cards) == 3
    mine = [card for key, card in cards.items() if key.startswith(f"incident:{incident.pk}:")]
    assert [card.data for card in mine] == [describe(incident)] * 2
    assert [event["text"] for event in mine[0].data["events"]] == ["looking"]
    assert cards[f"incident:{other.pk}:{people.bobs.pk}"].data["events"] == []


def test_a_list_has_the_worst_first_and_then_what_is_over() -> None:
    first, second, third = opened("a", severity="P3"), opened("b", severity="P1"), opened("c", severity="P1")
    incidents.resolve(third.pk, actor=BOB)
    assert [each.pk for each in incidents.list_incidents(limit=5)] == [second.pk, first.pk, third.pk]
    assert [each.pk for each in incidents.list_incidents(limit=2)] == [second.pk, first.pk]


def test_incidents_are_counted_where_they_began() -> None:
    now = timezone.now()
    for title, severity, hours in (("a", "P1", 1), ("b", "P1", 9), ("c", "P2", 7.9), ("d", "P4", 8)):
        incident = opened(title, severity=severity)
        Incident.objects.filter(pk=incident.pk).update(opened_at=now - timedelta(hours=hours))
    counts = incidents.count_by_severity(now - timedelta(hours=8), now)
    assert counts == {"P1": 1, "P2": 1, "P3": 0, "P4": 1}


def test_the_system_is_the_one_that_is_named_or_the_only_one() -> None:
    assert incidents.find_system_in("payments are slow") is None
    payments = MonitoredSystem.objects.create(name="payments", title="Pay (EU)")
    assert incidents.find_system_in("API is slow") == payments
    MonitoredSystem.objects.create(name="api")
    MonitoredSystem.objects.create(name="off", enabled=False)
    assert incidents.find_system_in("PAYMENTS fail") == payments
    assert incidents.find_system_in("pay (eu): nobody logs in") == payments
    for text in ("repayments fail", "payments fail in api", "everything is off"):
        assert incidents.find_system_in(text) is None
