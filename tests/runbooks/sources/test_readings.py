"""What systems said last: taken when it is due by one worker only, kept when asking fails, read anew after a change."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from clawsite.core.crypto import encrypt
from clawsite.core.db import close_pool
from clawsite.core.errors import BadInput, Unavailable
from guardrails.http import Reply
from runbooks.models import MonitoredSystem, SystemReading
from runbooks.sources.client import put
from runbooks.sources.loop import read_due
from runbooks.sources.overview import find_systems, overviews
from runbooks.sources.readings import MOST_ALERTS, Due, read_soon, store, take_due
from tests.servers.guardian import GuardianServer

pytestmark = pytest.mark.django_db

ALERT = (
    '{"fingerprint": "f%d", "labels": {"alertname": "A%d", "severity": "critical"}, "annotations": {"summary": "s"},'
    ' "startsAt": "2026-11-26T08:00:00.123456789Z", "status": {"state": "%s", "silencedBy": [], "inhibitedBy": []}}'
)


def read_all() -> list[Due]:
    """Read what is due as the loop does, in this thread."""
    due = take_due()
    for each in due:
        try:
            store(each, asyncio.run(put(each.question)))
        except (Unavailable, BadInput) as error:
            store(each, error)
    return due


def reading(source: str) -> SystemReading:
    return SystemReading.objects.get(source=source)


def test_what_is_due_is_read_once(guardian: GuardianServer, system: MonitoredSystem) -> None:
    assert [due.source for due in read_all()] == ["health", "stats"]
    assert reading("health").data == {"status": "healthy", "uptime": "99.97%", "is_well": True}
    assert reading("stats").data["approval_rate"] == 94.2
    assert read_all() == []
    assert len(take_due(now=timezone.now() + timedelta(seconds=31))) == 2
    SystemReading.objects.update(due_at=timezone.now())
    MonitoredSystem.objects.update(enabled=False)
    assert read_all() == []


def test_the_last_words_are_kept_when_it_falls_silent(guardian: GuardianServer, system: MonitoredSystem) -> None:
    read_all()
    guardian.fault("cut_before", method="/stats", times=9)
    SystemReading.objects.update(due_at=timezone.now())
    read_all()
    row = reading("stats")
    assert (row.data["approval_rate"], row.failures) == (94.2, 1)
    assert "as a web server does" in row.error
    (found,) = overviews([system])
    assert (found.is_failing("stats"), found.is_failing("health"), found.is_well) == (True, False, False)


def test_an_answer_of_no_use_is_told_but_opens_no_breaker(guardian: GuardianServer, system: MonitoredSystem) -> None:
    MonitoredSystem.objects.update(credentials="")
    for _ in range(7):
        SystemReading.objects.update(due_at=timezone.now())
        read_all()
    row = reading("health")
    assert (row.failures, row.open_until) == (0, None)
    assert "credentials are missing or wrong" in row.error
    assert row.failing_since is not None


def test_a_lost_key_is_told_and_asks_nobody(guardian: GuardianServer, system: MonitoredSystem) -> None:
    MonitoredSystem.objects.filter(pk=system.pk).update(credentials=encrypt("x"))  # encrypted twice: no JSON inside
    assert take_due() == []
    assert "enter them anew" in reading("health").error
    assert guardian.state()["asked"] == {}


def test_an_open_breaker_is_waited_for(guardian: GuardianServer, system: MonitoredSystem) -> None:
    now = timezone.now()
    SystemReading.objects.create(system=system, source="stats", failures=5, open_until=now + timedelta(seconds=20))
    assert [due.source for due in take_due(now=now)] == ["health"]


def test_a_changed_system_is_read_anew(guardian: GuardianServer, system: MonitoredSystem) -> None:
    read_all()
    read_soon(system)
    assert [due.source for due in take_due()] == ["health", "stats"]


def test_a_system_that_went_meanwhile_is_no_error(guardian: GuardianServer, system: MonitoredSystem) -> None:
    due = take_due()
    system.delete()
    store(due[0], Reply(status=200, body=b'{"status": "ok"}'))
    assert not SystemReading.objects.exists()


def test_many_alerts_are_counted_and_the_first_kept(system: MonitoredSystem) -> None:
    MonitoredSystem.objects.update(alertmanager_url="http://127.0.0.1:9")
    due = next(each for each in take_due() if each.source == "alertmanager")
    alerts = [ALERT % (n, n, "active" if n % 2 else "suppressed") for n in range(400)]
    store(due, Reply(status=200, body=f"[{','.join(alerts)}]".encode()))
    data = reading("alertmanager").data
    assert (data["active"], data["suppressed"], len(data["alerts"])) == (200, 200, MOST_ALERTS)
    assert not any(alert["suppressed"] for alert in data["alerts"])
    assert data["alerts"][0]["starts_at"].startswith("2026-11-26T08:00:00.1234")


def test_the_worst_of_very_many_alerts_is_kept(system: MonitoredSystem) -> None:
    MonitoredSystem.objects.update(alertmanager_url="http://127.0.0.1:9")
    due = next(each for each in take_due() if each.source == "alertmanager")
    alerts = [(ALERT % (n, n, "active")).replace("critical", "warning") for n in range(MOST_ALERTS)]
    newest = (ALERT % (999, 999, "active")).replace("T08:", "T09:")
    store(due, Reply(status=200, body=f"[{','.join([*alerts, newest])}]".encode()))
    data = reading("alertmanager").data
    assert (data["active"], data["alerts"][0]["name"], len(data["alerts"])) == (MOST_ALERTS + 1, "A999", MOST_ALERTS)
    (found,) = overviews(list(MonitoredSystem.objects.all()))
    assert found.is_well is False


def test_systems_are_found_by_name_title_and_beginning(system: MonitoredSystem) -> None:
    other = MonitoredSystem.objects.create(name="guardian-eu", title="Guardian")
    MonitoredSystem.objects.create(name="off", enabled=False)
    for words in ("transaction-guardian", "Transaction Guardian", "TRANSACTION", "transaction guardian "):
        assert find_systems(words) == [system], words
    assert find_systems("guardian") == [other]
    assert set(find_systems()) == {system, other}
    assert find_systems("off") == find_systems("nobody") == []


@pytest.mark.django_db(transaction=True)
def test_the_loop_reads_all_at_once(guardian: GuardianServer, system: MonitoredSystem) -> None:
    guardian.fault("delay", method="/*", times=2, seconds=3.0)
    before = timezone.now()
    try:
        assert async_to_sync(read_due)() == 2
    finally:
        close_pool()
    assert timezone.now() - before < timedelta(seconds=6), "one after the other"
    assert reading("health").read_at is not None
    assert reading("stats").error == ""
