"""The clock was a day ahead and was set right: people are called, reminded and missed in time all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from runbooks.alerts import clock
from runbooks.alerts.actions import acknowledge
from runbooks.alerts.clock import tick
from runbooks.alerts.store import process_new, store_webhook
from runbooks.models import AlertGroup, AlertNotice, AlertSubscription, AlertWebhook, Heartbeat
from runbooks.rewound import make_due
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import One, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.runbooks.test_rewound import Moved
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def set_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be NOW, after a time in which it was a day later; then look what is to be mended."""
    monkeypatch.setattr(timezone, "now", later)
    make_due(seconds=DAY.total_seconds())


def called() -> list[str]:
    return list(
        AlertGroup.objects.get().events.filter(kind__in=["escalated", "reminded"]).values_list("kind", flat=True)
    )


def test_a_step_comes_as_long_after_as_the_policy_says(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    policy((5, responder(people.bob)), repeats=0)
    fire(at=later(days=1))
    set_right(monkeypatch)
    tick(now=later(minutes=4), since=later())
    assert called() == []
    tick(now=later(minutes=5), since=later())
    assert called() == ["escalated"]
    assert "told" in Card.objects.get().data


def test_who_has_it_is_reminded(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    policy((5, responder(people.bob)), remind_minutes=30)
    fire(at=later(days=1))
    acknowledge(AlertGroup.objects.get().pk, actor=people.bob.actor, now=later(days=1))
    set_right(monkeypatch)
    tick(now=later(minutes=29), since=later())
    assert called() == []
    tick(now=later(minutes=30), since=later())
    assert called() == ["reminded"]


def test_a_delivery_that_failed_is_worked_on_and_a_quiet_chat_hears_of_it(
    shown: AlertSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    pk = store_webhook("{}")
    AlertWebhook.objects.update(next_at=later(days=1, seconds=20))
    fire(One(severity="warning"))
    AlertNotice.objects.update(held_until=later(days=2))
    set_right(monkeypatch)
    tick(now=later(seconds=1), since=later())
    process_new(now=later(seconds=1))
    assert AlertWebhook.objects.get(pk=pk).state == "bad"
    assert AlertNotice.objects.get().held_until is None


def test_a_reminder_rings_and_no_storm_comes_of_it(shown: AlertSubscription, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        fire(One(name=f"A{number}"), at=later(days=1))
    set_right(monkeypatch)
    fire(One(name="New", begins=later(minutes=1)), at=later(minutes=1))
    Card.objects.update(ring="", changed=False)
    fire(One(name="A1"), at=later(hours=4), reason="repeat interval elapsed")
    assert not Card.objects.filter(kind="alert_storm").exists()
    assert list(Card.objects.exclude(ring="").values_list("data__title", flat=True)) == ["A1"]


def test_a_heartbeat_is_missed(shown: AlertSubscription, monkeypatch: pytest.MonkeyPatch) -> None:
    fire(One(name="Watchdog", severity="none"), at=later(days=1))
    set_right(monkeypatch)
    tick(now=later(minutes=15), since=later())
    assert not Heartbeat.objects.get().missing
    tick(now=later(minutes=16), since=later())
    assert Heartbeat.objects.get().missing


@pytest.mark.parametrize("days", [1, -1])
def test_nobody_listened_before_the_clock_was_moved(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """It was set, or the machine slept: what should have come in between is not missed, and what is to come is."""
    fire(One(name="Watchdog", severity="none"), at=later(days=-2))
    monkeypatch.setattr(clock, "_since", later(days=-days))
    monkeypatch.setattr(clock, "_offset", Moved(days * DAY.total_seconds()))
    monkeypatch.setattr(timezone, "now", later)
    tick()
    tick(now=later(minutes=15))
    assert not Heartbeat.objects.get().missing
    tick(now=later(minutes=16))
    assert Heartbeat.objects.get().missing
