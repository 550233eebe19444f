"""Deliveries become groups once: repeats, late ones, partial ends, cut ones, and what is new again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from clawsite.ops.housekeeping import clean
from runbooks.alerts.store import process_new, process_webhook, replay_webhook, store_webhook
from runbooks.models import (
    Alert,
    AlertEvent,
    AlertGroup,
    AlertSubscription,
    AlertWebhook,
    Escalation,
    MonitoredSystem,
    Runbook,
)
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, body, deliver, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

CAPTURED = Path(__file__).with_name("captured.json")


def kinds(group: AlertGroup) -> list[str]:
    return list(group.events.values_list("kind", flat=True))


def test_a_captured_delivery_becomes_a_group_and_its_end_resolves_it() -> None:
    captured = json.loads(CAPTURED.read_text())
    assert deliver(captured["firing"]["body"]).startswith("opened")
    group = AlertGroup.objects.get()
    assert (group.state, group.severity, group.title) == ("firing", "critical", "Error ratio 50% on gateway")
    assert group.labels["team"] == "platform"
    assert deliver(captured["resolved"]["body"], at=later(minutes=1)).startswith("resolved")
    group.refresh_from_db()
    assert (group.state, group.firing, group.ended) == ("resolved", 0, 1)
    assert kinds(group) == ["opened", "resolved"]
    assert Alert.objects.get().ends_at is not None


def test_a_repeated_delivery_changes_nothing() -> None:
    fire()
    before = Alert.objects.values().get()
    assert fire(at=later(minutes=5)).startswith("repeated")
    assert Alert.objects.values().get() == before
    assert (AlertGroup.objects.get().deliveries, AlertEvent.objects.count()) == (2, 1)


def test_firing_that_comes_after_its_end_was_on_its_way_before_it() -> None:
    fire(One(ends=later(minutes=3)), at=later(minutes=4))
    assert AlertGroup.objects.get().state == "resolved"
    assert fire(at=later(minutes=4, seconds=30)).startswith("nothing")
    assert AlertGroup.objects.get().state == "resolved"


def test_an_older_beginning_is_old_news() -> None:
    fire(One(begins=later(hours=1)), at=later(hours=1))
    assert fire(One(begins=NOW, ends=later(minutes=5)), at=later(hours=1, minutes=1)).startswith("repeated") is False
    assert AlertGroup.objects.get().state == "firing"


def test_a_beginning_that_moved_back_ends_too() -> None:
    """Two servers of Prometheus watch the same: Alertmanager takes the earlier beginning once it knows of it."""
    fire(One(begins=later(seconds=20)), at=later(seconds=50))
    assert fire(One(ends=later(minutes=5)), at=later(minutes=5)).startswith("resolved")
    late = One(begins=later(seconds=20))
    assert fire(late, at=later(minutes=5, seconds=30)).startswith("nothing")
    assert (AlertGroup.objects.get().state, Alert.objects.get().state) == ("resolved", "resolved")


def test_what_fires_anew_rings_though_its_end_was_not_heard(shown: object) -> None:
    """Alertmanager sends no end of what was silent there when it ended; a week later it is trouble of its own."""
    fire(One(instance="a"), One(instance="b"))
    AlertGroup.objects.update(acked_by="user:1", acked_name="Alice", acked_at=NOW)
    Card.objects.update(ring="", changed=False)
    begins = later(days=7)
    assert fire(One(instance="a", begins=begins), at=later(days=7, seconds=30)).startswith("reopened")
    group, card = AlertGroup.objects.get(), Card.objects.get()
    assert (group.firing, group.openings, group.acked_at) == (1, 2, None)
    assert (card.ring, card.silent) == ("move", False)
    assert fire(One(instance="a", begins=begins, ends=later(days=8)), at=later(days=8)).startswith("resolved")


def test_a_beginning_that_moves_by_seconds_is_the_same(shown: object) -> None:
    """An Alertmanager that began anew hears of the other server of Prometheus first."""
    fire()
    AlertGroup.objects.update(acked_by="user:1", acked_name="Alice", acked_at=NOW)
    assert fire(One(begins=later(seconds=50)), at=later(hours=4)).startswith("repeated")
    assert AlertGroup.objects.get().acked_name == "Alice"


def test_what_fires_anew_beside_what_goes_on_does_not_ring(shown: object) -> None:
    fire(One(instance="a"), One(instance="b"))
    Card.objects.update(ring="", changed=False)
    again = One(instance="a", begins=later(hours=1))
    assert fire(again, One(instance="b"), at=later(hours=1)).startswith("changed")
    assert (Card.objects.get().ring, AlertGroup.objects.get().firing) == ("", 2)


def test_the_end_of_some_is_not_the_end_of_all() -> None:
    fire(One(instance="a"), One(instance="b"))
    assert fire(One(instance="a", ends=later(minutes=1)), One(instance="b"), at=later(minutes=1)).startswith("changed")
    group = AlertGroup.objects.get()
    assert (group.state, group.firing, group.ended) == ("firing", 1, 1)
    assert kinds(group) == ["opened", "partly_resolved"]


def test_an_alert_that_fires_again_soon_opens_the_same_group_and_nobody_has_it(shown: object) -> None:
    fire()
    AlertGroup.objects.update(acked_by="user:1", acked_name="Alice", acked_at=NOW)
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    assert fire(One(begins=later(minutes=9)), at=later(minutes=9)).startswith("reopened")
    group = AlertGroup.objects.get()
    assert (group.openings, group.acked_by, group.acked_at) == (2, "", None)
    card = Card.objects.get()
    assert (card.ring, card.silent) == ("new", False)


def test_an_alert_that_fires_again_after_long_is_a_group_of_its_own() -> None:
    fire()
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    assert fire(One(begins=later(hours=2)), at=later(hours=2)).startswith("opened")
    assert list(AlertGroup.objects.order_by("id").values_list("state", flat=True)) == ["resolved", "firing"]


def test_the_same_beginning_fires_again_when_prometheus_had_lost_sight() -> None:
    fire()
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    assert fire(at=later(minutes=10)).startswith("reopened")


def test_what_fires_again_at_the_next_news_of_its_group_is_heard() -> None:
    """Alertmanager says it once: the group_interval of our own setup is a minute, its repeat_interval four hours."""
    fire()
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    assert fire(at=later(minutes=5, seconds=58)).startswith("reopened")


def test_an_end_without_a_beginning_is_remembered_and_shown_nowhere(shown: object) -> None:
    fire(One(ends=later(minutes=1)), at=later(minutes=2))
    assert AlertGroup.objects.get().state == "resolved"
    assert Card.objects.count() == 0


def test_a_worse_alert_raises_the_group_and_nobody_has_it_any_more(shown: object) -> None:
    fire(One(severity="warning"))
    AlertGroup.objects.update(acked_by="user:1", acked_name="Alice", acked_at=NOW)
    joined = One(instance="b", severity="page")
    assert fire(One(severity="warning"), joined, at=later(minutes=1)).startswith("raised")
    group = AlertGroup.objects.get()
    assert (group.severity, group.acked_at, Card.objects.get().silent) == ("critical", None, False)


def test_one_message_says_how_it_stands_and_is_changed_in_place(shown: object) -> None:
    fire(One(annotations={"summary": "Zero transactions detected", "action": "Check the API"}))
    group = AlertGroup.objects.get()
    card = Card.objects.get()
    assert card.key == f"alert:{group.pk}:{card.session_id}"
    assert (card.kind, card.data["title"], card.data["todo"]) == (
        "alert",
        "Zero transactions detected",
        "Check the API",
    )
    Card.objects.update(ring="", changed=False)
    fire(One(ends=later(minutes=5)), at=later(minutes=5))
    card.refresh_from_db()
    assert (card.data["state"], card.ring, card.changed) == ("resolved", "", True)


@pytest.mark.parametrize(("severity", "silent"), [("critical", False), ("warning", True), ("", True), ("odd", True)])
def test_only_what_is_critical_makes_a_sound(shown: object, severity: str, silent: bool) -> None:
    fire(One(severity=severity))
    assert Card.objects.get().silent is silent


def test_a_reminder_of_alertmanager_rings_again_until_somebody_has_it(shown: object) -> None:
    fire()
    Card.objects.update(ring="", changed=False)
    fire(at=later(minutes=5))
    assert Card.objects.get().ring == ""
    fire(at=later(hours=4), reason="repeat interval elapsed")
    assert Card.objects.get().ring == "move"
    Card.objects.update(ring="", changed=False)
    AlertGroup.objects.update(acked_at=NOW)
    fire(at=later(hours=8), reason="repeat interval elapsed")
    assert Card.objects.get().ring == ""


def test_a_reminder_rings_although_its_words_are_new(shown: object) -> None:
    """Many annotations hold the value of the moment, so a reminder hardly ever says what the last one said."""
    fire(One(annotations={"description": "7.1 % of requests fail"}))
    Card.objects.update(ring="", changed=False)
    fire(One(annotations={"description": "7.2 % of requests fail"}), at=later(minutes=5))
    assert (Card.objects.get().ring, Card.objects.get().data["todo"]) == ("", "7.2 % of requests fail")
    worse = One(annotations={"description": "9.8 % of requests fail"})
    assert fire(worse, at=later(hours=4), reason="repeat interval elapsed").startswith("repeated")
    assert (Card.objects.get().ring, Card.objects.get().data["todo"]) == ("move", "9.8 % of requests fail")


def test_five_hundred_alerts_fit_into_one_message(shown: object) -> None:
    many = [One(instance=f"host-{n}", labels={"note": "x" * 300}) for n in range(500)]
    fire(*many, truncated=40)
    group = AlertGroup.objects.get()
    assert (group.firing, group.truncated, group.alerts.count()) == (500, 40, 500)
    assert len(json.dumps(Card.objects.get().data)) < 16_000
    ended = [One(instance=f"host-{n}", labels={"note": "x" * 300}, ends=later(minutes=1)) for n in range(499)]
    fire(*ended, many[499], at=later(minutes=1))
    group.refresh_from_db()
    assert (group.state, group.firing, group.ended) == ("firing", 1, 499)


def test_two_addresses_keep_groups_of_one_name_apart() -> None:
    deliver(body(One()), source="north")
    deliver(body(One()), source="south")
    assert AlertGroup.objects.count() == 2


@pytest.mark.parametrize(
    "value", [{}, {"alerts": 5}, {"groupKey": "x"}, {"groupKey": 1, "alerts": []}, {"groupKey": "x", "alerts": [1]}]
)
def test_what_is_not_alertmanagers_is_given_up_at_once(value: dict[str, object]) -> None:
    deliver(value)
    row = AlertWebhook.objects.get()
    assert (row.state, row.attempts) == ("bad", 0)
    assert "not a webhook" in row.outcome


def test_times_of_go_are_read_to_the_microsecond() -> None:
    fire(One(begins=NOW + timedelta(microseconds=5)))
    assert Alert.objects.get().starts_at == NOW + timedelta(microseconds=5)


def test_what_is_old_goes_and_what_still_fires_stays() -> None:
    fire()
    fire(One(name="Over", ends=later(minutes=1)), at=later(minutes=1))
    AlertGroup.objects.filter(state="resolved").update(resolved_at=NOW - timedelta(days=400))
    AlertGroup.objects.filter(state="firing").update(started_at=NOW - timedelta(days=400))
    AlertWebhook.objects.update(received_at=timezone.now() - timedelta(days=15))
    waiting = store_webhook("{}")
    AlertWebhook.objects.filter(pk=waiting).update(received_at=timezone.now() - timedelta(days=15))
    counts = clean()
    assert (counts["alert webhooks"], counts["alerts"]) == (2, 1)
    assert AlertGroup.objects.get().state == "firing"
    assert AlertWebhook.objects.get().pk == waiting


def test_ended_alerts_of_a_group_that_fires_on_go_after_a_while() -> None:
    fire(One(), *(One(instance=f"pod-{number}", ends=later(minutes=1)) for number in range(5)), key="all")
    Alert.objects.filter(state="resolved").exclude(fingerprint__endswith="pod-4").update(
        changed_at=timezone.now() - timedelta(days=15)
    )
    Alert.objects.filter(fingerprint__endswith="pod-4").update(changed_at=timezone.now())
    assert clean()["ended alerts"] == 4
    fire(One(), One(instance="new"), key="all", at=later(minutes=9))
    group = AlertGroup.objects.get()
    assert (group.firing, group.ended) == (2, 1)


def test_a_delivery_that_was_given_up_can_be_worked_on_again() -> None:
    deliver({})
    pk = AlertWebhook.objects.get().pk
    AlertWebhook.objects.update(body=json.dumps(body(One())))
    assert replay_webhook(pk)
    assert not replay_webhook(pk)
    assert process_new(now=NOW) == 1
    assert AlertGroup.objects.count() == 1


def test_a_delivery_that_cannot_be_worked_on_is_tried_a_few_times_and_stays() -> None:
    system = MonitoredSystem.objects.create(name="broken", labels="no labels")
    pk = store_webhook(json.dumps(body(One())))
    row = AlertWebhook.objects.get(pk=pk)
    seen = []
    for _ in range(6):
        process_webhook(pk, now=NOW)
        row.refresh_from_db()
        seen.append((row.state, row.attempts))
    assert seen == [("new", 1), ("new", 2), ("new", 3), ("new", 4), ("bad", 5), ("bad", 5)]
    assert AlertGroup.objects.count() == 0
    system.delete()
    assert replay_webhook(pk)
    process_webhook(pk, now=NOW)
    assert AlertGroup.objects.count() == 1


def test_one_broken_setting_keeps_nobody_from_being_told(shown: AlertSubscription, people: People) -> None:
    AlertSubscription.objects.create(session=people.alices, matchers=5)
    policy((5, responder(people.alice)), name="broken", matchers=7)
    policy((5, responder(people.bob)), name="sound", order=200)
    Runbook.objects.create(name="broken", labels=[1])
    fire()
    assert Card.objects.get().session_id == shown.session_id
    assert Escalation.objects.get().policy == "sound"


def test_what_waited_for_a_worker_counts_by_when_it_came(db: None) -> None:
    again = [(0, One()), (5, One(ends=later(minutes=5))), (20, One())]
    for minutes, alert in again:
        pk = store_webhook(json.dumps(body(alert)))
        AlertWebhook.objects.filter(pk=pk).update(received_at=later(minutes=minutes))
    process_new(now=later(hours=1))
    group = AlertGroup.objects.get()
    assert (group.state, group.openings, group.heard_at) == ("firing", 2, later(minutes=20))


def test_a_number_that_no_database_holds_loses_no_alert(db: None) -> None:
    assert fire(One(), truncated=2**80).startswith("opened")
