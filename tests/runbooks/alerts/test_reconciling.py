"""Groups that never hear of their end: ended by what Alertmanager lists, doubted where nobody can be asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from bots.alerts.timeline import describe_event
from clawsite.core.errors import ClawError, Unavailable
from guardrails.http import Reply
from runbooks.alerts.clock import tick
from runbooks.alerts.silencing import silence
from runbooks.models import Alert, AlertGroup, AlertSilence, AlertSubscription, MonitoredSystem, SystemReading
from runbooks.sources.client import Question
from runbooks.sources.readings import Due, store
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


@pytest.fixture
def system(db: None) -> MonitoredSystem:
    made = MonitoredSystem.objects.create(name="guardian", title="Guardian", alertmanager_url="http://127.0.0.1:1")
    SystemReading.objects.create(system=made, source="alertmanager")
    return made


def listed(
    system: MonitoredSystem,
    *alerts: One,
    at: datetime,
    answer: ClawError | bytes | None = None,
    silenced_by: Sequence[str] = (),
) -> None:
    """Have the reader of systems hear what Alertmanager lists, as it does every half minute."""
    state = {"state": "suppressed" if silenced_by else "active", "silencedBy": list(silenced_by), "inhibitedBy": []}
    rows = [each.to_json() | {"status": state} for each in alerts]
    due = Due(system=system, source="alertmanager", question=Question(url="http://127.0.0.1:1"), at=at)
    body = answer if isinstance(answer, bytes) else json.dumps(rows).encode()
    reply = answer if isinstance(answer, ClawError) else Reply(status=200, headers={}, body=body)
    store(due, reply, now=at)


def group() -> AlertGroup:
    return AlertGroup.objects.get()


def test_what_alertmanager_lost_is_over_after_two_readings(system: MonitoredSystem, shown: AlertSubscription) -> None:
    fire(One())
    listed(system, One(), at=later(minutes=1))
    listed(system, at=later(minutes=10))
    assert group().state == "firing"
    listed(system, at=later(minutes=16))
    assert (group().state, group().resolved_at, group().firing) == ("resolved", later(minutes=16), 0)
    assert Alert.objects.get().state == "resolved"
    assert Card.objects.get().data["state"] == "resolved"
    last = group().events.last()
    assert last is not None
    assert (last.kind, last.text) == ("vanished", "Guardian")

    fire(One(), at=later(minutes=20))  # Prometheus found it again: it fires under the old beginning
    assert (group().state, group().openings, group().listed_at) == ("firing", 2, None)


def test_an_alertmanager_that_hears_everything_again_ends_nothing(system: MonitoredSystem) -> None:
    fire(One())
    listed(system, One(), at=later(minutes=1))
    for minute, alerts in ((10, []), (12, []), (13, [One()]), (16, []), (20, [])):
        listed(system, *alerts, at=later(minutes=minute))
    assert group().state == "firing"
    fire(One(), at=later(minutes=20, seconds=30))  # news of its own: not missing from now on
    listed(system, at=later(minutes=22))
    assert group().state == "firing"


@pytest.mark.parametrize(
    "answer", [Unavailable("no answer"), b"<html>", b'{"status": "error"}', b'[{"fingerprint": 1}]']
)
def test_who_cannot_be_asked_ends_nothing(system: MonitoredSystem, answer: ClawError | bytes) -> None:
    fire(One())
    listed(system, One(), at=later(minutes=1))
    for minute in range(10, 40, 5):
        listed(system, at=later(minutes=minute), answer=answer)
    assert (group().state, group().absent_since) == ("firing", None)


def test_what_was_never_listed_there_is_of_another_alertmanager(system: MonitoredSystem) -> None:
    fire(One())
    for minute in range(1, 40, 5):
        listed(system, One(name="Other", instance="b"), at=later(minutes=minute))
    assert group().state == "firing"


def test_one_listed_alert_keeps_a_group_and_so_does_one_that_was_left_out(system: MonitoredSystem) -> None:
    fire(One(), One(instance="b"), truncated=3)
    listed(system, One(instance="b"), at=later(minutes=1))
    for minute in range(5, 40, 5):
        listed(system, One(instance="left out"), at=later(minutes=minute))
    assert group().state == "firing"
    for minute in (41, 47):
        listed(system, One(name="Other"), at=later(minutes=minute))
    assert group().state == "resolved"


def test_an_alert_whose_end_was_missed_ends_beside_one_that_fires_on(
    system: MonitoredSystem, shown: AlertSubscription
) -> None:
    a, b = One(severity="warning"), One(instance="b")
    fire(a, b)
    listed(system, a, b, at=later(minutes=1))
    listed(system, a, at=later(minutes=3))
    listed(system, a, at=later(minutes=7))
    assert group().firing == 2
    listed(system, a, at=later(minutes=8))
    assert (group().state, group().firing, group().ended, group().severity) == ("firing", 1, 1, "warning")
    assert dict(Alert.objects.values_list("labels__instance", "state")) == {"a": "firing", "b": "resolved"}
    assert (Card.objects.get().data["firing"], Card.objects.get().data["severity"]) == (1, "warning")
    last = group().events.last()
    assert last is not None
    assert (last.kind, last.data) == ("partly_resolved", {"alerts": 1, "left": 1})

    fire(a, b, at=later(minutes=20))  # Prometheus found it again: it fires under the old beginning
    for minute in (21, 30):
        listed(system, a, at=later(minutes=minute))
    assert group().firing == 2, "this list has not had it again"


def test_an_alert_that_is_spoken_of_or_listed_again_does_not_end(system: MonitoredSystem) -> None:
    a, b, other = One(), One(instance="b"), One(instance="of another Alertmanager")
    fire(a, b, other)
    for minute, alerts in ((1, [a, b]), (2, [a]), (6, [a, b]), (7, [a]), (8, []), (11, [a])):
        listed(system, *alerts, at=later(minutes=minute))
    fire(a, b, other, at=later(minutes=11, seconds=30))
    listed(system, a, at=later(minutes=12))
    listed(system, a, at=later(minutes=16))
    assert group().firing == 3
    listed(system, a, at=later(minutes=17))
    assert sorted(Alert.objects.filter(state="firing").values_list("labels__instance", flat=True)) == [
        "a",
        "of another Alertmanager",
    ]


def test_an_alert_of_ours_is_in_no_list(system: MonitoredSystem) -> None:
    fire(One(name="Watchdog", severity="none"))
    tick(now=later(hours=2), since=NOW)
    assert group().labels["alertname"] == "WatchdogMissing"
    for minute in (121, 130, 140):
        listed(system, at=later(minutes=minute))
    assert group().state == "firing"


def test_a_group_nobody_can_be_asked_about_is_doubted_until_there_is_news(shown: AlertSubscription) -> None:
    fire(One())
    tick(now=later(hours=24), since=later(hours=24))
    assert "stale" not in Card.objects.get().data
    tick(now=later(hours=26), since=later(hours=26))
    assert Card.objects.get().data["stale"] == NOW.isoformat()
    assert group().state == "firing"
    fire(One(), at=later(hours=27))
    assert "stale" not in Card.objects.get().data
    assert group().stale_at is None


def test_what_nobody_speaks_of_for_more_than_a_week_is_taken_for_over(shown: AlertSubscription) -> None:
    fire(One(name="Watchdog", severity="none"))
    fire(One())
    for days in (2, 5, 7.9):
        tick(now=later(days=days), since=NOW)
    ours, foreign = AlertGroup.objects.order_by("-pk")
    assert (ours.labels["alertname"], ours.state, foreign.state) == ("WatchdogMissing", "firing", "firing")

    tick(now=later(days=20), since=NOW)

    ours.refresh_from_db()
    foreign.refresh_from_db()
    assert (ours.state, foreign.state, foreign.stale_at) == ("firing", "resolved", None)
    last = foreign.events.last()
    assert last is not None
    assert (last.kind, "more than a week" in describe_event(last, UTC)) == ("lost", True)
    card = Card.objects.get(data__id=foreign.pk)
    assert (card.data["state"], "stale" in card.data) == ("resolved", False)

    fire(One(), at=later(days=21))  # it was silent there all the time
    assert AlertGroup.objects.filter(state="firing").count() == 2


def test_what_was_vouched_for_until_now_is_doubted_before_it_is_taken_for_over(
    system: MonitoredSystem, shown: AlertSubscription
) -> None:
    fire(One())
    listed(system, One(), at=later(days=8))
    tick(now=later(days=10), since=NOW)  # nothing ran, or nobody read the list, for two days
    assert Card.objects.get().data["stale"] == NOW.isoformat()
    tick(now=later(days=10, hours=24), since=NOW)
    assert group().state == "firing"

    tick(now=later(days=11, hours=2), since=NOW)
    assert group().state == "resolved"


def test_a_listed_group_is_not_doubted(system: MonitoredSystem, shown: AlertSubscription) -> None:
    fire(One())
    listed(system, One(), at=later(minutes=1))
    listed(system, One(), at=later(hours=29))
    tick(now=later(hours=30), since=later(hours=30))
    assert "stale" not in Card.objects.get().data

    tick(now=later(hours=55), since=later(hours=55))  # nobody could be asked for more than a day
    assert Card.objects.get().data["stale"] == NOW.isoformat()
    listed(system, One(), at=later(hours=56))
    assert "stale" not in Card.objects.get().data


def test_a_silence_that_somebody_ended_in_alertmanager_is_over(
    people: People, system: MonitoredSystem, shown: AlertSubscription
) -> None:
    policy((5, responder(people.bob)))
    fire(One(), One(name="Other", instance="b"), groupLabels={})
    AlertGroup.objects.update(labels={"alertname": "ZeroTransactions"})
    silence(group().pk, length=timedelta(hours=4), actor=people.bob.actor, now=later())
    AlertSilence.objects.update(state="active", remote_id="ours", asked_at=later())

    listed(system, One(), at=later(minutes=1))
    assert AlertSilence.objects.get().state == "active", "it was made just now"
    listed(system, One(), at=later(minutes=3), silenced_by=["the one that somebody made of ours"])
    listed(system, One(name="Other", instance="b"), at=later(minutes=4))
    assert (AlertSilence.objects.get().state, "silence" in Card.objects.get().data) == ("active", True)

    listed(system, One(), at=later(minutes=5))

    assert (AlertSilence.objects.get().state, "silence" in Card.objects.get().data) == ("undone", False)
    last = group().events.filter(kind="unsilenced").get()
    assert describe_event(last, UTC) == "silence undone by Alertmanager"
    assert group().escalations.filter(state="running").exists()
