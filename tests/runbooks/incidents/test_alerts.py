"""Alerts and incidents: opened from a group, with its story so far and all that comes after."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bots.cards.incident import describe_event as worded
from clawsite.core.errors import NotAllowed
from runbooks import incidents
from runbooks.alerts.actions import acknowledge
from runbooks.alerts.incidents import open_from_group
from runbooks.alerts.subscriptions import subscribe
from runbooks.incidents.snapshot import describe_event
from runbooks.incidents.timeline import read_timeline
from runbooks.models import AlertGroup, Incident, MonitoredSystem
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, fire, later
from tests.runbooks.books.making import ECHO, go, saved, start
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)
ZERO = One(annotations={"summary": "Zero transactions"}, labels={"system": "shop"})


def fired() -> AlertGroup:
    MonitoredSystem.objects.create(name="shop", labels={"system": "shop"})
    fire(ZERO)
    return AlertGroup.objects.get()


def opened(group: AlertGroup) -> Incident:
    incident = open_from_group(group.pk, actor=BOB, now=NOW)
    assert incident is not None
    return incident


def lines(incident: Incident) -> list[str]:
    return [worded(describe_event(event)) for event in read_timeline(incident) if event.kind != "opened"]


def test_the_story_is_told_from_its_first_alert_to_its_end() -> None:
    group = fired()
    acknowledge(group.pk, actor=ALICE, now=later(minutes=1))
    incident = opened(group)
    saved(ECHO)
    go(start(group_id=group.pk))
    fire(One(annotations=ZERO.annotations, labels=ZERO.labels, ends=later(minutes=9)), at=later(minutes=10))

    assert (incident.title, incident.severity, str(incident.system)) == ("Zero transactions", "P1", "shop")
    told = lines(incident)
    assert told[:2] == ["alert: Zero transactions", "Alice acknowledged: Zero transactions"]
    assert "alert over: Zero transactions" in told
    assert told[-2:] == ["Bob started the runbook The runbook try", "the runbook The runbook try is done"]
    first = incident.events.get(kind="alert_opened")
    assert first.at == NOW
    assert [event.seq for event in incident.events.all()] == list(range(1, len(told) + 2))


@pytest.mark.parametrize(("severity", "grade"), [("critical", "P1"), ("warning", "P3"), ("info", "P4")])
def test_its_severity_follows_from_the_alert(severity: str, grade: str) -> None:
    fire(One(severity=severity))
    assert opened(AlertGroup.objects.get()).severity == grade


def test_a_second_press_finds_the_same_incident_and_a_new_one_after_its_end() -> None:
    group = fired()
    first = opened(group)
    assert opened(group) == first
    incidents.resolve(first.pk, actor=BOB)
    second = opened(group)
    assert second != first
    acknowledge(group.pk, actor=ALICE, now=later(minutes=1))
    assert not first.events.filter(kind="alert_acked").exists()
    assert second.events.filter(kind="alert_acked").count() == 1


def test_the_alert_says_which_incident_it_has() -> None:
    people = make_people()
    subscribe(people.bobs, actor=people.bob.actor)
    incident = opened(fired())
    (card,) = Card.objects.filter(kind="alert")
    assert card.data["incident"] == {"id": incident.pk, "number": incident.number}
    group = AlertGroup.objects.get()
    assert group.events.get(kind="incident").text == incident.number


def test_what_does_not_exist_and_who_may_not() -> None:
    group = fired()
    assert open_from_group(404, actor=BOB) is None
    for actor in (VIEWER, CHARLIE):
        with pytest.raises(NotAllowed):
            open_from_group(group.pk, actor=actor)
    assert not Incident.objects.exists()


def test_a_title_from_outside_is_one_harmless_line() -> None:
    fire(One(annotations={"summary": "<b>x</b>\u202e evil\x07\nsecond " + "y" * 400}))
    title = opened(AlertGroup.objects.get()).title
    assert title.startswith("<b>x</b> evil second yyy")
    assert len(title) == 200


def test_what_happens_to_other_groups_is_not_told() -> None:
    incident = opened(fired())
    fire(One(name="Other"), at=later(minutes=1))
    other = AlertGroup.objects.latest("id")
    acknowledge(other.pk, actor=ALICE, now=NOW + timedelta(minutes=2))
    assert lines(incident) == ["alert: Zero transactions"]
