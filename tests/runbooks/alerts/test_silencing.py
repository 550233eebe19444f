"""Silences: ours at once, Alertmanager's by a job, and what happens when it does not take them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from runbooks.alerts.clock import tick
from runbooks.alerts.silencing import carry_out, silence, undo
from runbooks.jobs import cancel_job
from runbooks.models import AlertGroup, AlertSilence, Job, MonitoredSystem
from runbooks.sources.alertmanager import list_alerts
from sessions_app.models import Card
from tests.clawsite.running import until
from tests.ports import free_port
from tests.programs import need_program
from tests.runbooks.alerts.deliveries import One, fire, post_alert
from tests.servers.monitoring import AlertmanagerService
from tests.sessions_app.people import People

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def nobody(people: People) -> MonitoredSystem:
    """A system whose Alertmanager does not answer."""
    return MonitoredSystem.objects.create(name="guardian", alertmanager_url=f"http://127.0.0.1:{free_port()}")


def ask(people: People) -> AlertSilence:
    fire(One(begins=timezone.now()), at=timezone.now())
    return silence(AlertGroup.objects.get().pk, length=HOUR, actor=people.bob.actor)


def test_one_that_alertmanager_does_not_take_ends_and_the_message_says_so(
    people: People, shown: object, nobody: MonitoredSystem
) -> None:
    row = ask(people)
    assert Card.objects.get().data["silence"]["state"] == "wanted"
    assert carry_out(row.pk) == "failed"
    told = Card.objects.get().data["silence"]
    assert (told["state"], bool(told["error"])) == ("failed", True)
    assert AlertGroup.objects.get().events.filter(kind="silence_failed").count() == 1
    again = silence(AlertGroup.objects.get().pk, length=HOUR, actor=people.bob.actor)
    assert again.state == "wanted"


def test_one_that_no_job_makes_is_given_up(people: People, shown: object, nobody: MonitoredSystem) -> None:
    row = ask(people)
    tick(now=timezone.now() + timedelta(minutes=9), since=timezone.now())
    assert AlertSilence.objects.get().state == "wanted"
    tick(now=timezone.now() + timedelta(minutes=11), since=timezone.now())
    row.refresh_from_db()
    assert row.state == "failed"


def test_an_end_that_its_job_did_not_bring_about_is_no_end(
    people: People, shown: object, nobody: MonitoredSystem
) -> None:
    row = ask(people)
    AlertSilence.objects.update(state="active", remote_id="x")
    Job.objects.update(state="succeeded", ended_at=timezone.now())
    undo(row.pk, actor=people.bob.actor)
    assert Card.objects.get().data["silence"]["state"] == "undoing"
    cancel_job(Job.objects.latest("pk").key, actor=people.alice.actor)
    told = Card.objects.get().data["silence"]
    assert (told["state"], told["error"]) == ("failed", "Alertmanager was not reached.")


def test_one_that_is_taken_back_before_it_is_made_is_never_made(people: People, nobody: MonitoredSystem) -> None:
    row = ask(people)
    undo(row.pk, actor=people.alice.actor)
    assert carry_out(row.pk) == "undone"
    assert carry_out(row.pk) == "undone"


def test_a_group_without_labels_of_its_own_is_silenced_by_what_its_alerts_share(people: People) -> None:
    fire(One(labels={"team": "a"}), One(instance="b", labels={"team": "a"}), groupLabels={})
    row = silence(AlertGroup.objects.get().pk, length=HOUR, actor=people.bob.actor)
    assert row.matchers == {"alertname": "ZeroTransactions"}
    AlertGroup.objects.update(labels={"team": "a"})
    AlertSilence.objects.all().delete()
    row = silence(AlertGroup.objects.get().pk, length=HOUR, actor=people.bob.actor)
    assert row.matchers == {"team": "a"}


@pytest.fixture(scope="module")
def alertmanager() -> Iterator[AlertmanagerService]:
    with AlertmanagerService.running(need_program("prometheus-alertmanager")) as service:
        yield service


@pytest.mark.services
def test_the_real_alertmanager_is_silent_until_it_is_undone(
    people: People, shown: object, alertmanager: AlertmanagerService
) -> None:
    system = MonitoredSystem.objects.create(name="guardian", alertmanager_url=alertmanager.url)
    post_alert(alertmanager.url, {"alertname": "ZeroTransactions", "severity": "critical"})
    until(lambda: list_alerts(system), seconds=60, what="the alert")
    row = ask(people)
    assert carry_out(row.pk) == "active"
    row.refresh_from_db()
    assert row.remote_id
    until(lambda: list_alerts(system)[0].status.silenced_by == [row.remote_id], seconds=60, what="the silence")
    assert Card.objects.get().data["silence"]["state"] == "active"
    undo(row.pk, actor=people.alice.actor)
    assert carry_out(row.pk) == "undone"
    until(lambda: list_alerts(system)[0].status.silenced_by == [], seconds=60, what="it is heard again")
    assert "silence" not in Card.objects.get().data


@pytest.mark.services
@pytest.mark.parametrize("then", ["again", "undo"])
def test_what_a_dead_process_asked_for_is_found_there_and_not_made_twice(
    people: People, shown: object, alertmanager: AlertmanagerService, then: str
) -> None:
    MonitoredSystem.objects.create(name="guardian", alertmanager_url=alertmanager.url)
    before = _active(alertmanager.url)
    row = ask(people)
    carry_out(row.pk)
    first = AlertSilence.objects.get().remote_id
    AlertSilence.objects.update(remote_id="", state="wanted")  # as it is when the process dies before it is noted
    AlertGroup.objects.update(title="Another title")
    if then == "undo":
        undo(row.pk, actor=people.alice.actor)
    assert carry_out(row.pk) == ("undone" if then == "undo" else "active")
    assert _active(alertmanager.url) - before == (set() if then == "undo" else {first})


def _active(url: str) -> set[str]:
    """Return the ids of the silences that hold in the real Alertmanager."""
    with urllib.request.urlopen(f"{url}/api/v2/silences", timeout=10) as answer:  # noqa: S310 - loopback
        known = json.loads(answer.read())
    return {each["id"] for each in known if each["status"]["state"] == "active"}
