"""Rows that always fail: they move back, the others get their turn, and what is given up says so."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from django.db import connection

from runbooks.alerts import storms
from runbooks.alerts.clock import BATCH as HELD_AT_ONCE
from runbooks.alerts.clock import release_held
from runbooks.alerts.escalating import BATCH, take_due_steps
from runbooks.alerts.reminders import remind
from runbooks.alerts.setbacks import MOST_FAILURES, wait_after
from runbooks.alerts.silencing import end_silences
from runbooks.alerts.store import AT_ONCE, process_new, replay_webhook, store_webhook
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import (
    AlertGroup,
    AlertNotice,
    AlertSilence,
    AlertStorm,
    AlertSubscription,
    AlertWebhook,
    Escalation,
)  # fmt: skip
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, body, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db


def broken_groups(count: int) -> list[AlertGroup]:
    """Make groups whose messages cannot be made."""
    rows = [AlertGroup(key=f"k{n}", group_key=f"g{n}", title="broken", labels=["none"]) for n in range(count)]
    AlertGroup.objects.bulk_create(rows)
    return list(AlertGroup.objects.filter(title="broken"))


def kinds(group: AlertGroup) -> list[str]:
    return list(group.events.values_list("kind", flat=True))


def keep_one(broken: list[AlertGroup]) -> None:
    """Go on with the first one alone: what becomes of it becomes of all."""
    AlertGroup.objects.exclude(pk=broken[0].pk).delete()


def broken_escalations(count: int) -> list[AlertGroup]:
    """Make groups with escalations whose step names nobody."""
    broken = broken_groups(count)
    steps = [{"after_minutes": 1, "name": "?"}]
    Escalation.objects.bulk_create(Escalation(group=each, policy="broken", steps=steps, next_at=NOW) for each in broken)
    return broken


def test_waits_grow_and_end() -> None:
    waits = [wait_after(count) for count in range(1, MOST_FAILURES)]
    assert waits[:3] == [timedelta(seconds=10), timedelta(seconds=20), timedelta(seconds=40)]
    assert waits[-1] == timedelta(minutes=10)
    assert wait_after(MOST_FAILURES) is None


def test_steps_that_fail_let_others_pass_and_are_given_up_in_their_story(people: People) -> None:
    broken = broken_escalations(BATCH)
    policy((5, responder(people.bob)))
    fire()
    take_due_steps(now=later(minutes=6))
    take_due_steps(now=later(minutes=6))
    sound = AlertGroup.objects.get(title="ZeroTransactions")
    assert "escalated" in kinds(sound)
    keep_one(broken)
    for count in range(1, MOST_FAILURES):
        take_due_steps(now=later(hours=count))
    assert set(Escalation.objects.filter(policy="broken").values_list("state", "why")) == {("stopped", "failed")}
    assert kinds(broken[0]) == ["escalation_failed"]


def test_reminders_that_fail_let_others_pass_and_end(people: People, shown: AlertSubscription) -> None:
    broken = broken_groups(BATCH)
    AlertNotice.objects.bulk_create(AlertNotice(group=each, session=people.bobs) for each in broken)
    AlertGroup.objects.update(remind_at=NOW, acked_at=NOW, acked_by="nobody")
    policy((5, responder(people.bob)), remind_minutes=10)
    fire()
    AlertGroup.objects.exclude(title="broken").update(remind_at=later(minutes=1), acked_at=NOW, acked_by="nobody")
    remind(now=later(minutes=2))
    remind(now=later(minutes=2))
    assert "reminded" in kinds(AlertGroup.objects.get(title="ZeroTransactions"))
    keep_one(broken)
    for count in range(1, MOST_FAILURES):
        remind(now=later(hours=count))
    assert not AlertGroup.objects.filter(title="broken", remind_at__isnull=False).exists()
    assert kinds(broken[0])[-1] == "remind_failed"


def test_what_is_held_and_fails_lets_others_pass_and_ends(people: People) -> None:
    broken = broken_groups(HELD_AT_ONCE)
    AlertNotice.objects.bulk_create(AlertNotice(group=each, session=people.bobs, held_until=NOW) for each in broken)
    fire()
    subscribe(people.bobs, actor=people.bob.actor)
    sound = AlertGroup.objects.get(title="ZeroTransactions")
    AlertNotice.objects.create(group=sound, session=people.bobs, held_until=later(minutes=1))
    released = [release_held(now=later(minutes=2)) for _ in range(2)]
    assert sum(released) == 1
    assert sound.notices.get().held_until is None
    keep_one(broken)
    for count in range(1, MOST_FAILURES):
        release_held(now=later(hours=count))
    assert not AlertNotice.objects.filter(held_until__isnull=False).exists()
    assert "show_failed" in kinds(broken[0])


def test_a_storm_whose_end_cannot_be_shown_keeps_no_other_from_ending(
    people: People, shown: AlertSubscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, lasting = (
        AlertStorm.objects.create(session=session, started_at=NOW, last_at=NOW)
        for session in (people.alices, people.group)
    )
    sound = AlertStorm.objects.create(session=people.bobs, started_at=NOW, last_at=NOW)
    shows = storms.show_storm

    def show(storm: AlertStorm, *, now: datetime, loud: bool = False) -> None:
        if storm.pk in (broken.pk, lasting.pk):
            raise RuntimeError("it cannot be shown")
        shows(storm, now=now, loud=loud)

    with monkeypatch.context() as patch:
        patch.setattr(storms, "show_storm", show)
        storms.end_storms(now=later(minutes=10))
        assert set(AlertStorm.objects.filter(ended_at=None)) == {broken, lasting}
        assert Card.objects.get().key == f"storm:{sound.pk}"
        assert storms.join_storm(people.group.pk, now=later(minutes=11)) is None  # and no new alert from its chat
    storms.end_storms(now=later(minutes=12))
    assert Card.objects.get(key=f"storm:{broken.pk}").data["over"] is True
    assert not AlertStorm.objects.filter(ended_at=None).exists()


def test_a_silence_that_cannot_be_given_up_keeps_no_other_from_ending(people: People) -> None:
    broken = broken_groups(1)[0]
    subscribe(people.bobs, actor=people.bob.actor)
    times = {"starts_at": later(minutes=-30), "created_by": "user:1"}
    AlertSilence.objects.create(group=broken, key=broken.key, state="wanted", ends_at=later(hours=1), **times)
    sound = AlertGroup.objects.create(key="sound", group_key="sound", title="sound")
    over = AlertSilence.objects.create(group=sound, key="sound", state="local", ends_at=later(), **times)
    assert end_silences(now=later(minutes=1)) == 1
    over.refresh_from_db()
    assert over.state == "undone"


@pytest.fixture
def poison(db: None) -> None:
    """The database fails at each group of this title, with the error it has when it is locked."""
    if connection.vendor != "sqlite":
        pytest.skip("a trigger of SQLite")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TRIGGER poison BEFORE INSERT ON main.runbooks_alertgroup WHEN NEW.title = 'poison'"
            " BEGIN SELECT abs(-9223372036854775808); END"
        )


def test_deliveries_that_fail_by_the_database_let_others_pass_and_end(poison: None) -> None:
    bad = [store_webhook(json.dumps(body(One(name="poison"), key=f"p{number}"))) for number in range(AT_ONCE)]
    store_webhook(json.dumps(body(One())))
    process_new(now=NOW)
    assert set(AlertWebhook.objects.filter(pk__in=bad).values_list("state", "attempts")) == {("new", 0)}
    process_new(now=NOW)
    assert AlertGroup.objects.get().title == "ZeroTransactions"
    assert process_new(now=NOW) == 0
    AlertWebhook.objects.filter(pk__in=bad[1:]).delete()

    for minute in (5, 11, 12, 13, 14):
        process_new(now=later(minutes=minute))
    assert set(AlertWebhook.objects.filter(pk__in=bad).values_list("state", "attempts")) == {("new", 4)}
    process_new(now=later(minutes=15))
    assert set(AlertWebhook.objects.filter(pk__in=bad).values_list("state", flat=True)) == {"bad"}
    assert replay_webhook(bad[0])
    row = AlertWebhook.objects.get(pk=bad[0])
    assert (row.attempts, row.failing_since, row.next_at) == (0, None, None)
