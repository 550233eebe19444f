"""Several at once: numbers without a gap, one end, one incident for an alert, one briefing for a due time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from clawsite.core.db import with_retry
from runbooks import incidents
from runbooks.alerts.incidents import open_from_group
from runbooks.models import AlertGroup, Incident
from tests.runbooks.alerts.deliveries import One, fire
from tests.runbooks.people import ALICE, BOB

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 4


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Do a thing several times at the same time, each in a thread that leaves no connection behind."""

    def alone(number: int) -> Any:
        try:
            return with_retry(lambda: work(number))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(alone, range(AT_ONCE)))


def test_everything_that_is_noted_has_its_own_number() -> None:
    incident = incidents.open_incident("API is slow", actor=BOB)
    at_once(lambda number: [incidents.note(incident.pk, "note", f"{number} {each}", BOB) for each in range(5)])
    numbers = list(incident.events.values_list("seq", flat=True))
    assert numbers == list(range(1, 2 + 5 * AT_ONCE))
    incident.refresh_from_db()
    assert incident.last_seq == numbers[-1]


def test_one_of_those_who_resolve_it_has_done_it() -> None:
    incident = incidents.open_incident("API is slow", actor=BOB)
    done = at_once(lambda number: incidents.resolve(incident.pk, actor=ALICE if number % 2 else BOB)[1])
    assert sorted(done) == [False] * (AT_ONCE - 1) + [True]
    assert incident.events.filter(kind="resolved").count() == 1


def test_an_alert_becomes_one_incident_however_many_press() -> None:
    fire(One())
    group = AlertGroup.objects.get()
    made = at_once(lambda number: open_from_group(group.pk, actor=BOB))
    assert {each.pk for each in made} == {Incident.objects.get().pk}
