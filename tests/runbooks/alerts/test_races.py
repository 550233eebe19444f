"""Many at once: one group however many deliveries open it, one who has it, one call for each step."""

from __future__ import annotations

import json

import pytest

from clawsite.core.db import with_retry
from runbooks.alerts.actions import acknowledge
from runbooks.alerts.escalating import take_step
from runbooks.alerts.store import process_webhook, store_webhook
from runbooks.alerts.subscriptions import subscribe
from runbooks.models import Alert, AlertGroup, AlertSubscription, AlertWebhook, Escalation
from sessions_app.models import Card
from tests.runbooks.alerts.deliveries import NOW, One, body, fire, later
from tests.runbooks.alerts.oncall import policy, responder
from tests.runbooks.test_races import MANY, together
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def test_deliveries_that_open_one_group_at_once_open_it_once() -> None:
    people = make_people()
    subscribe(people.bobs, actor=people.bob.actor)
    pks = [store_webhook(json.dumps(body(One(instance=str(number))))) for number in range(MANY)]

    def work(number: int) -> None:
        for pk in (*pks[number:], *pks[:number]):
            process_webhook(pk, now=NOW)

    found = together(work)
    for pk in pks:  # what lost a race to a lock is new again, and done at the next look
        process_webhook(pk, now=NOW)
    assert found == [None] * MANY
    assert set(AlertWebhook.objects.values_list("state", flat=True)) == {"done"}
    group = AlertGroup.objects.get()
    assert (group.firing, Alert.objects.count(), group.deliveries) == (MANY, MANY, MANY)
    assert Card.objects.count() == 1


def test_one_of_many_presses_takes_it_on() -> None:
    people = make_people()
    fire()
    pk = AlertGroup.objects.get().pk
    found = together(lambda _: with_retry(lambda: acknowledge(pk, actor=people.bob.actor, now=NOW)))
    assert sum(isinstance(each, AlertGroup) for each in found) == 1, found
    assert AlertGroup.objects.get().events.filter(kind="acked").count() == 1


def test_many_wishes_at_once_are_one_subscription() -> None:
    people = make_people()
    found = together(lambda _: with_retry(lambda: subscribe(people.bobs, actor=people.bob.actor)))
    assert found == [AlertSubscription.objects.get()] * MANY


def test_one_of_many_clocks_takes_a_step() -> None:
    people = make_people()
    policy((5, responder(people.bob)), repeats=3)
    fire()
    pk = Escalation.objects.get().pk
    found = together(lambda _: with_retry(lambda: take_step(pk, now=later(minutes=5))))
    assert sorted(found) == [False] * (MANY - 1) + [True]
    assert AlertGroup.objects.get().events.filter(kind="escalated").count() == 1
