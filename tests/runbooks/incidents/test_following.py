"""An outside ticket system follows: signed, in order, again when it was away, once when nothing went wrong."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.errors import NotAllowed
from clawsite.core.models import ServiceState
from runbooks import incidents, jobs
from runbooks.incidents import following
from runbooks.incidents.posting import sign
from runbooks.models import HookDelivery, Incident, IncidentHook, Job
from tests.ports import free_port
from tests.runbooks.incidents.receiver import SECRET, Receiver, is_signed
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import run

pytestmark = pytest.mark.django_db(transaction=True)
EVIL = "<b>x</b>\n& \u2028 ünï"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The ticket system, running."""
    with Receiver().running() as made:
        yield made


def opened(severity: str = "P2", title: str = "API is slow") -> Incident:
    return incidents.open_incident(title, actor=BOB, severity=severity)


def waiting() -> list[Job]:
    return list(Job.objects.filter(kind=following.NAME, state="queued").order_by("id"))


def run_all() -> list[str]:
    return [run(job).state for job in waiting()]


def test_every_event_arrives_signed_and_in_order(receiver: Receiver) -> None:
    receiver.hook()
    incident = opened(title=EVIL)
    incidents.note(incident.pk, "note", "looking", ALICE)
    assert len(waiting()) == 2
    assert run_all() == ["succeeded", "succeeded"]

    assert receiver.deliveries() == [f"INC-{incident.pk}-1", f"INC-{incident.pk}-2"]
    first, second = receiver.taken
    assert first["incident"]["title"] == " ".join(EVIL.split())
    assert first["incident"]["severity"] == "P2"
    assert (second["event"]["kind"], second["event"]["text"], second["event"]["who"]) == ("note", "looking", "Alice")
    assert all(is_signed(request) for request in receiver.requests)
    assert SECRET not in str(receiver.requests)
    hook = IncidentHook.objects.get()
    assert hook.last_sent_at is not None
    assert hook.last_error == ""


def test_the_signature_is_what_the_text_says() -> None:
    wanted = hmac.new(b"s", b'12.{"a":1}', hashlib.sha256).hexdigest()
    assert sign("s", "12", b'{"a":1}') == f"sha256={wanted}"


def test_a_job_that_runs_twice_sends_nothing_twice(receiver: Receiver) -> None:
    receiver.hook()
    opened()
    (job,) = waiting()
    run(job)
    Job.objects.filter(pk=job.pk).update(state="queued", ended_at=None, deadline=None)
    assert run(job).result == {"sent": 0}
    assert len(receiver.requests) == 1


def test_a_crash_after_sending_repeats_the_same_delivery(receiver: Receiver) -> None:
    hook = receiver.hook()
    incident = opened()
    run_all()
    HookDelivery.objects.filter(hook=hook, incident=incident).update(seq=0)
    incidents.note(incident.pk, "note", "x", BOB)
    run_all()
    assert receiver.deliveries() == [f"INC-{incident.pk}-{seq}" for seq in (1, 1, 2)]


def test_who_is_away_is_told_later_and_in_order(receiver: Receiver) -> None:
    receiver.statuses = [503, 429]
    hook = receiver.hook()
    incident = opened()
    incidents.note(incident.pk, "note", "x", BOB)
    first, second = waiting()
    assert [run(first).state, run(second).state] == ["succeeded", "queued"]
    hook.refresh_from_db()
    assert "status 429" in hook.last_error
    second.refresh_from_db()
    assert second.saved == {"tries": 1}
    assert second.not_before > timezone.now() + timedelta(seconds=2)
    Job.objects.update(not_before=timezone.now())
    assert run(second).state == "succeeded"
    assert receiver.deliveries() == [f"INC-{incident.pk}-1", f"INC-{incident.pk}-2"]


def wait_over() -> None:
    """Let the time pass that the jobs and the breaker wait."""
    ServiceState.objects.update(open_until=timezone.now() - timedelta(seconds=1))
    Job.objects.update(not_before=timezone.now())


def test_for_who_is_away_one_job_of_each_incident_waits(receiver: Receiver) -> None:
    receiver.statuses = [503] * 12
    receiver.hook()
    one, other = opened(), opened()
    for number in range(5):
        incidents.note(one.pk, "note", str(number), BOB)
    last = waiting()[-1]
    run_all()
    assert {(job.params["incident"], job.params["seq"]) for job in waiting()} == {(one.pk, 6), (other.pk, 1)}
    receiver.statuses.clear()
    wait_over()
    run(last)
    assert receiver.deliveries() == [f"INC-{one.pk}-{seq}" for seq in range(1, 7)]


def test_who_never_answers_is_given_up_after_hours_and_told_with_the_next_event(receiver: Receiver) -> None:
    hook = receiver.hook()
    open_url = hook.url
    IncidentHook.objects.update(url=f"http://127.0.0.1:{free_port()}/")
    incident = opened()
    (job,) = waiting()
    for _ in following.WAITS:
        assert run(job).state == "queued"
        Job.objects.update(not_before=timezone.now())
    ended = run(job)
    assert (ended.state, "cannot be reached. It was tried 9 times." in ended.error) == ("failed", True)
    IncidentHook.objects.update(url=open_url)
    wait_over()
    incidents.note(incident.pk, "note", "x", BOB)
    run_all()
    assert receiver.deliveries() == [f"INC-{incident.pk}-1", f"INC-{incident.pk}-2"]


def test_what_is_refused_is_not_tried_again(receiver: Receiver) -> None:
    receiver.statuses = [401]
    receiver.hook()
    opened()
    (job,) = waiting()
    assert "does not take it: status 401" in run(job).error


def test_an_event_that_is_refused_holds_up_none_of_the_others(receiver: Receiver) -> None:
    receiver.statuses = [422]
    hook = receiver.hook()
    incident = opened()
    incidents.note(incident.pk, "note", "x", BOB)
    assert run_all() == ["failed", "succeeded"]
    assert receiver.deliveries() == [f"INC-{incident.pk}-2"]
    assert len(receiver.requests) == 2
    hook.refresh_from_db()
    assert hook.last_error == ""


def test_what_was_refused_to_everybody_is_sent_when_that_is_put_right(receiver: Receiver) -> None:
    receiver.statuses = [401]
    receiver.hook()
    incident = opened()
    incidents.note(incident.pk, "note", "x", BOB)
    assert run_all() == ["failed", "succeeded"]
    assert receiver.deliveries() == [f"INC-{incident.pk}-1", f"INC-{incident.pk}-2"]


def test_a_redirect_is_not_followed_with_what_is_signed(receiver: Receiver) -> None:
    receiver.statuses = [302]
    receiver.hook()
    opened()
    (job,) = waiting()
    assert run(job).state == "failed"
    assert len(receiver.requests) == 1


def test_who_wants_only_the_worst_hears_only_that(receiver: Receiver) -> None:
    receiver.hook(least="P2")
    incident = opened("P3")
    assert waiting() == []
    incidents.change_severity(incident.pk, "P1", actor=BOB)
    run_all()
    assert [told["event"]["kind"] for told in receiver.taken] == ["opened", "severity"]


def test_who_was_told_of_an_incident_hears_its_end_though_it_is_less_severe_by_then(receiver: Receiver) -> None:
    receiver.hook(least="P2")
    incident = opened("P1")
    incidents.change_severity(incident.pk, "P4", actor=BOB)
    incidents.resolve(incident.pk, actor=BOB)
    opened("P4")
    run_all()
    assert [told["event"]["kind"] for told in receiver.taken] == ["opened", "severity", "resolved"]


def test_what_is_off_or_gone_is_not_told(receiver: Receiver) -> None:
    receiver.hook(enabled=False)
    opened()
    assert waiting() == []
    IncidentHook.objects.update(enabled=True)
    opened()
    IncidentHook.objects.all().delete()
    (job,) = waiting()
    assert run(job).result == {"sent": 0, "reason": "the hook is off"}
    assert receiver.requests == []


def test_nobody_but_an_admin_starts_one_by_hand() -> None:
    with pytest.raises(NotAllowed):
        jobs.create_job(following.NAME, params={"hook": 1, "incident": 1, "seq": 1}, actor=BOB)
