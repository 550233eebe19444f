"""The job: once for each due time, true when sources are away, and in the chat that asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bots.cards import CardView, render_card
from clawsite.core.errors import BadInput, NotAllowed
from clawsite.core.models import AuditEvent
from guardrails.approvals import create_approval
from runbooks import incidents, jobs
from runbooks.briefings import NAME, card_key, put_briefing, take_shift
from runbooks.briefings.gather import fit, gather
from runbooks.briefings.window import Window
from runbooks.models import Incident, Job, MonitoredSystem, NamedQuery, Run, Schedule, ScheduleRun
from runbooks.schedules import preview, run_now, save_schedule, tick
from sessions_app.cards import put_card
from sessions_app.models import Card, Session
from tests.ports import free_port
from tests.runbooks.books.making import saved, start, step
from tests.runbooks.people import ALICE, BOB, CHARLIE, VIEWER
from tests.runbooks.running import run
from tests.sessions_app.people import make_people

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 10, 25, 6, 0, tzinfo=UTC)


def told_by(job: Job) -> dict[str, Any]:
    result = run(job).result
    assert isinstance(result, dict)
    return result


def session() -> Session:
    return make_people().bobs


def scheduled(place: Session, **given: str) -> Schedule:
    row = Schedule(name="night", kind=NAME, params={"session": place.pk}, **{"cron": "0 0 * * *"} | given)
    return save_schedule(row, actor=BOB)


def test_rows_are_counted_as_they_are() -> None:
    window = Window.until(timezone.now() + timedelta(minutes=1), hours=8)
    for title, severity in (("a", "P2"), ("b", "P1"), ("c", "P2")):
        incidents.open_incident(title, actor=BOB, severity=severity)
    over = Incident.objects.get(title="b")
    Incident.objects.filter(pk=over.pk).update(opened_at=window.start - timedelta(hours=1))
    Incident.objects.filter(pk=over.pk).update(state="resolved", resolved_at=window.start + timedelta(hours=1))
    create_approval("test", subject_hash="0" * 64, summary="x", requested_by="user:2")
    for state in ("failed", "timed_out", "succeeded"):
        Job.objects.create(kind="backup", requested_by="x", owner="x", state=state, ended_at=window.start)

    saved(step("command", argv=["false"]))
    saved(step("wait", seconds=60), name="slow")
    Job.objects.filter(pk=start().job_id).update(state="failed", ended_at=timezone.now())
    Run.objects.filter(name="try").update(open=False)
    start("slow")

    told = gather(window, now=timezone.now())

    assert told["incidents"]["opened"] == {"P1": 0, "P2": 2, "P3": 0, "P4": 0}
    assert (told["incidents"]["resolved"], told["incidents"]["open_count"]) == (1, 2)
    assert [each["title"] for each in told["incidents"]["open"]] == ["c", "a"]
    assert told["pending"] == {
        "approvals": 1,
        "runs": ["The runbook slow"],
        "failed": [{"name": "backup", "count": 2}, {"name": "The runbook try", "count": 1}],
    }
    assert told["missing"] == []


@pytest.mark.django_db(transaction=True)
def test_who_asks_hears_of_what_has_just_begun() -> None:
    incidents.open_incident("a", actor=BOB, severity="P1")
    job = jobs.create_job(NAME, actor=BOB, start=True)
    assert told_by(job)["incidents"]["opened"]["P1"] == 1


def test_a_source_that_is_away_is_named_and_hides_nothing() -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    system = MonitoredSystem.objects.create(name="guardian", prometheus_url=nowhere, alertmanager_url=nowhere)
    for name, part in (("tx", "traffic"), ("ok", "success"), ("bad", "failures")):
        NamedQuery.objects.create(system=system, name=name, promql="up", briefing=part)
    MonitoredSystem.objects.create(name="off", enabled=False)
    bare = MonitoredSystem.objects.create(name="no-address")
    NamedQuery.objects.create(system=bare, name="tx", promql="up", briefing="traffic")
    incidents.open_incident("a", actor=BOB, severity="P1")

    told = gather(Window.until(timezone.now(), hours=8), now=timezone.now())

    (error, alerts), (other,) = (each["errors"] for each in told["systems"])
    assert (error["query"], alerts["query"]) == ("tx", "Alertmanager")
    assert "cannot be reached" in error["text"]
    assert "cannot be reached" in alerts["text"]
    assert "no address of prometheus" in other["text"]
    assert told["incidents"]["open_count"] == 1


def test_of_very_many_systems_the_last_are_counted_only() -> None:
    for number in range(25):
        MonitoredSystem.objects.create(name=f"s{number:02}", title="я" * 120)
    told = gather(Window.until(NOW, hours=8), now=NOW)
    assert (len(told["systems"]), told["left_out"]) == (20, 5)
    point = {"title": "я" * 120, "name": "я" * 100, "value": 12.0, "usual": 0.4, "alone": False}
    large = [system | {"attention": [point] * 20} for system in told["systems"]]
    fitted = fit(told | {"systems": large})
    assert 0 < len(fitted["systems"]) < 20
    assert len(fitted["systems"]) + fitted["left_out"] == 25
    put_card("x", kind=NAME, data={"job": "a" * 32, **fitted}, session_id=session().pk)


def test_a_part_that_breaks_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("runbooks.briefings.gather.read_incidents", broken)
    told = gather(Window.until(NOW, hours=8), now=NOW)
    (missing,) = told["missing"]
    assert (told["incidents"], missing["part"]) == (None, "incidents")
    assert "secret" not in str(told)
    assert told["pending"]["approvals"] == 0


@pytest.mark.django_db(transaction=True)
def test_it_is_shown_where_it_was_asked_for_and_run_twice_it_is_one() -> None:
    place = session()
    job = jobs.create_job(NAME, actor=BOB, session_id=place.pk, start=True)
    Job.objects.update(created_at=NOW + timedelta(seconds=59))
    told = told_by(job)
    assert (told["start"], told["end"]) == ("2026-10-24T22:00:00+00:00", "2026-10-25T06:00:59+00:00")
    Job.objects.update(state="queued", ended_at=None, deadline=None)
    run(job)
    card = Card.objects.get()
    assert (card.session, card.kind, card.version) == (place, NAME, 1)
    assert card.data["end"] == told["end"]


@pytest.mark.django_db(transaction=True)
def test_asked_for_by_a_program_it_is_the_result_only() -> None:
    job = jobs.create_job(NAME, params={"hours": 12}, actor=ALICE, start=True)
    assert told_by(job)["incidents"]["open_count"] == 0
    assert not Card.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_schedule_that_is_run_by_hand_tells_its_chat() -> None:
    place = session()
    told_by(run_now(scheduled(place), actor=ALICE))
    assert Card.objects.get().session == place


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_and_two_workers_make_one_briefing() -> None:
    row = scheduled(session(), time_zone="Europe/Berlin")
    due = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    Schedule.objects.filter(pk=row.pk).update(next_due=due)
    assert [tick(due), tick(due)] == [1, 0]
    (job,) = Job.objects.filter(kind=NAME)
    Job.objects.update(created_at=due + timedelta(seconds=7))
    told = told_by(job)
    assert (told["start"], told["end"]) == ("2026-10-24T14:00:00+00:00", "2026-10-24T22:00:00+00:00")
    Job.objects.update(state="queued", ended_at=None, deadline=None)
    run(job)
    assert ScheduleRun.objects.count() == Job.objects.count() == Card.objects.count() == 1


def test_shifts_keep_to_the_clock_on_the_wall_on_both_days() -> None:
    row = scheduled(session(), cron="30 2 * * *", time_zone="Europe/Berlin")
    spring = preview(row, after=datetime(2026, 3, 28, 2, 0, tzinfo=UTC), count=2)
    assert [f"{moment:%m-%d %H:%M%z}" for moment in spring] == ["03-29 03:00+0200", "03-30 02:30+0200"]
    autumn = preview(row, after=datetime(2026, 10, 24, 2, 0, tzinfo=UTC), count=2)
    assert [f"{moment:%m-%d %H:%M%z}" for moment in autumn] == ["10-25 02:30+0200", "10-26 02:30+0100"]


@pytest.mark.parametrize("params", [{}, {"session": 0}, {"session": 99999}])
def test_a_schedule_must_say_where(params: dict[str, int]) -> None:
    with pytest.raises(BadInput, match="in which conversation"):
        save_schedule(Schedule(name="n", kind=NAME, params=params, cron="0 0 * * *"), actor=BOB)


@pytest.mark.parametrize("params", [{"hours": 0}, {"hours": 49}, {"hours": "x"}, {"chat": 1}])
def test_wrong_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        jobs.create_job(NAME, params=params, actor=BOB)


@pytest.mark.django_db(transaction=True)
def test_the_first_who_takes_the_shift_has_it_and_keeps_it() -> None:
    place = session()
    job = jobs.create_job(NAME, actor=BOB, session_id=place.pk, start=True)
    run(job)
    assert take_shift("0" * 32, session_id=place.pk, actor=BOB) is None
    assert take_shift(job.key, session_id=place.pk + 1, actor=BOB) is None
    for actor in (VIEWER, CHARLIE):
        with pytest.raises(NotAllowed):
            take_shift(job.key, session_id=place.pk, actor=actor)
    take_shift(job.key, session_id=place.pk, actor=BOB)
    take_shift(job.key, session_id=place.pk, actor=ALICE)
    Job.objects.update(state="queued", ended_at=None, deadline=None)
    run(job)
    assert Card.objects.get().data["taken"]["who"] == "Bob"
    assert list(AuditEvent.objects.filter(action="briefing.take").values_list("actor", flat=True)) == [BOB.subject]


def test_charlie_has_none_made() -> None:
    with pytest.raises(NotAllowed):
        jobs.create_job(NAME, actor=CHARLIE)
    with pytest.raises(BadInput, match="Only the role viewer"):
        save_schedule(Schedule(name="n", kind=NAME, params={"session": 1}, cron="0 0 * * *"), actor=CHARLIE)


@pytest.mark.django_db(transaction=True)
def test_a_briefing_that_is_not_made_takes_its_promise_back() -> None:
    place = session()
    job = jobs.create_job(NAME, actor=BOB, session_id=place.pk, start=True)
    put_briefing(job, place.pk, {"waiting": True})
    jobs.cancel_job(job.key, actor=BOB)
    card = Card.objects.get(key=card_key(job.key))
    assert (card.data["failed"], "waiting" in card.data) == ("cancelled", False)
    assert render_card(NAME, card.data, CardView(zone=ZoneInfo("UTC"))).text == "⚠️ It was cancelled."
