"""The watchdog of a monitoring: an alert that always fires, whose silence is one of ours."""

from __future__ import annotations

from typing import Any

import pytest

from runbooks.alerts import raising
from runbooks.alerts.clock import tick
from runbooks.models import Alert, AlertGroup, AlertSubscription, Heartbeat
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, fire, later

pytestmark = pytest.mark.django_db


def test_a_watchdog_is_no_alert_until_it_falls_silent(shown: AlertSubscription) -> None:
    dog = One(name="Watchdog", severity="none")
    assert fire(dog) == "heartbeat"
    assert (AlertGroup.objects.count(), Heartbeat.objects.get().last_at) == (0, NOW)
    tick(now=later(minutes=15), since=NOW)
    assert AlertGroup.objects.count() == 0
    for _ in range(3):
        tick(now=later(minutes=16), since=NOW)
    group = AlertGroup.objects.get()
    assert (group.severity, group.state, Heartbeat.objects.get().missing) == ("critical", "firing", True)
    assert (Card.objects.get().data["own"], Card.objects.get().silent) == ("watchdog", False)
    fire(dog, at=later(minutes=20))
    group.refresh_from_db()
    assert (group.state, Heartbeat.objects.get().missing) == ("resolved", False)
    tick(now=later(minutes=40), since=NOW)
    group.refresh_from_db()
    assert (group.state, group.openings) == ("firing", 2)


@pytest.mark.parametrize("is_removed", [False, True])
def test_a_watchdog_that_is_not_wanted_any_more_is_no_alert(shown: AlertSubscription, is_removed: bool) -> None:
    dog = One(name="Watchdog", severity="none")
    fire(dog)
    tick(now=later(minutes=16), since=NOW)
    fire(One(name="Other"), key="@clawsite:watchdog:7", at=later(minutes=16))
    if is_removed:
        Heartbeat.objects.all().delete()
    else:
        Heartbeat.objects.update(enabled=False)
    tick(now=later(minutes=17), since=NOW)
    assert list(AlertGroup.objects.order_by("id").values_list("state", flat=True)) == ["resolved", "firing"]
    Heartbeat.objects.update(enabled=True)
    tick(now=later(minutes=18), since=NOW)
    assert AlertGroup.objects.order_by("id")[0].state == ("resolved" if is_removed else "firing")


def test_nobody_else_speaks_for_our_watchdog(shown: AlertSubscription) -> None:
    fire(One(name="WatchdogMissing"), key="@clawsite:watchdog:1")
    assert "own" not in Card.objects.get().data


def test_what_was_not_listened_for_is_not_missed(shown: AlertSubscription) -> None:
    fire(One(name="Watchdog", severity="none"))
    tick(now=later(hours=9), since=later(hours=8, minutes=50))
    assert AlertGroup.objects.count() == 0
    tick(now=later(hours=9, minutes=6), since=later(hours=8, minutes=50))
    assert AlertGroup.objects.count() == 1


def test_a_watchdog_whose_alert_cannot_be_raised_is_tried_again_and_keeps_no_other_waiting(
    shown: AlertSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    fire(One(name="Watchdog", severity="none"))
    fire(One(name="Watchdog", instance="b", severity="none"))
    first = Heartbeat.objects.order_by("name")[0]
    raise_alert = raising.raise_alert

    def fail(group_key: str, *args: Any, **kwargs: Any) -> AlertGroup | None:
        if group_key.endswith(f":{first.pk}"):
            raise OSError("away")
        return raise_alert(group_key, *args, **kwargs)

    monkeypatch.setattr(raising, "raise_alert", fail)
    tick(now=later(minutes=16), since=NOW)
    assert AlertGroup.objects.count() == 1
    monkeypatch.undo()
    tick(now=later(minutes=17), since=NOW)
    assert AlertGroup.objects.count() == 2


def test_the_end_of_a_watchdog_is_its_silence(shown: AlertSubscription) -> None:
    fire(One(name="Watchdog", severity="none"))
    fire(One(name="Watchdog", severity="none", ends=later(minutes=5)), One(name="Other"), at=later(minutes=5))
    names = set(Alert.objects.values_list("labels__alertname", flat=True))
    assert names == {"WatchdogMissing", "Other"}
