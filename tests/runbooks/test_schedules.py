"""Schedules: validation, both days on which the clock changes, missed times, and one run for each due time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError, connection

from clawsite.core.errors import BadInput
from clawsite.core.models import AuditEvent
from guardrails.types import Role
from runbooks.models import Job, Schedule, ScheduleRun
from runbooks.schedules import delete_schedule, explain, next_due, preview, run_now, save_schedule, tick
from tests.runbooks.people import ALICE, BOB, CHARLIE
from tests.runbooks.running import kind

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def schedule(**given: Any) -> Schedule:
    return Schedule(**({"name": "nightly", "kind": "selftest", "when": "cron", "cron": "0 3 * * *"} | given))


def saved(**given: Any) -> Schedule:
    return save_schedule(schedule(**given), actor=BOB)


def make_due(row: Schedule, at: datetime) -> None:
    Schedule.objects.filter(pk=row.pk).update(next_due=at)


def times(text: str, zone: str, *, after: str, count: int) -> list[str]:
    found = preview(schedule(cron=text, time_zone=zone), after=datetime.fromisoformat(after), count=count)
    return [moment.strftime("%m-%d %H:%M%z") for moment in found]


def test_spring_makes_up_for_the_hour_that_is_skipped() -> None:
    # Berlin, 29 March 2026: 02:00 to 03:00 does not exist.
    assert times("30 2 * * *", "Europe/Berlin", after="2026-03-28T00:00+00:00", count=3) == [
        "03-28 02:30+0100",
        "03-29 03:00+0200",
        "03-30 02:30+0200",
    ]


def test_autumn_counts_the_repeated_hour_once() -> None:
    # New York, 1 November 2026: 01:00 to 02:00 comes twice.
    assert times("30 1 * * *", "America/New_York", after="2026-10-31T12:00+00:00", count=2) == [
        "11-01 01:30-0400",
        "11-02 01:30-0500",
    ]


def test_in_the_second_of_two_equal_hours_nothing_is_due_before_now() -> None:
    # Berlin, 25 October 2026: 02:00 to 03:00 comes twice, at 00:00 and 01:00 UTC; the first 02:30 was 00:30 UTC.
    row = schedule(cron="30 2 * * *", time_zone="Europe/Berlin")
    again = datetime(2026, 10, 25, 1, 6, tzinfo=UTC)

    assert next_due(row, after=again) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_time_that_is_late_in_the_second_of_two_equal_hours_is_dealt_with_once() -> None:
    row = saved(cron="30 2 * * *", time_zone="Europe/Berlin", missed="late", late_minutes=60)
    make_due(row, datetime(2026, 10, 24, 0, 30, tzinfo=UTC))  # a day before, so that two times were missed

    again = datetime(2026, 10, 25, 1, 6, tzinfo=UTC)
    assert [tick(again), tick(again + timedelta(seconds=1))] == [1, 0]

    run = ScheduleRun.objects.get()
    assert (run.due_at, run.outcome) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "started")
    row.refresh_from_db()
    assert row.next_due == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_every_hour_is_every_hour_on_both_days() -> None:
    for after in ("2026-03-29T00:10+00:00", "2026-10-25T00:10+00:00"):
        row = schedule(cron="0 * * * *", time_zone="Europe/Berlin")
        found = preview(row, after=datetime.fromisoformat(after), count=4)
        assert {later - sooner for sooner, later in pairwise(found)} == {timedelta(hours=1)}


def test_an_interval_keeps_its_rhythm() -> None:
    row = schedule(when="every", every_seconds=3600, at=datetime(2026, 6, 1, 0, 7, tzinfo=UTC))

    assert next_due(row, after=NOW) == datetime(2026, 6, 1, 12, 7, tzinfo=UTC)
    assert next_due(row, after=datetime(2026, 6, 1, 12, 7, tzinfo=UTC)) == datetime(2026, 6, 1, 13, 7, tzinfo=UTC)
    assert next_due(row, after=datetime(2020, 1, 1, tzinfo=UTC)) == row.at


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cron": "30 6 * * 1-5", "time_zone": "America/Sao_Paulo"}, "At 06:30 on Monday through Friday (America"),
        ({"when": "every", "every_seconds": 7200}, "Every 2 hours"),
        ({"when": "at", "at": NOW}, "Once, at 2026-06-01 12:00:00 (UTC)"),
    ],
)
def test_it_is_told_in_words(given: dict[str, Any], words: str) -> None:
    assert words in explain(schedule(**given))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"cron": "61 * * * *"}, "cannot be read: bad minute"),
        ({"cron": "* * * *"}, "five fields"),
        ({"cron": "* * * * * *"}, "five fields"),
        ({"cron": ""}, "five fields"),
        ({"cron": "0 0 30 2 *"}, "cannot be read|never"),
        ({"time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"when": "every"}, "interval"),
        ({"when": "every", "every_seconds": 0}, "interval"),
        ({"when": "at"}, "when it is to run"),
        ({"when": "at", "at": NOW}, "already over"),
        ({"when": "at", "at": datetime.max.replace(tzinfo=timezone(timedelta(hours=-5)))}, "between the years"),
        ({"at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "between the years"),
        ({"kind": "nope"}, "no such kind of job"),
        ({"params": {"nope": 1}}, "unknown field"),
        ({"params": []}, "JSON object"),
        ({"name": " "}, "name"),
        ({"name": "a\x00"}, "name"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(given: dict[str, Any], text: str) -> None:
    with pytest.raises(BadInput, match=text):
        saved(**given)

    assert not Schedule.objects.exists()


def test_names_are_unique() -> None:
    saved()
    with pytest.raises(BadInput, match="already"):
        saved()


def test_nobody_schedules_what_they_may_not_start() -> None:
    with pytest.raises(BadInput, match="role operator"):
        save_schedule(schedule(), actor=CHARLIE)
    with kind(lambda ctx: None, role=Role.ADMIN), pytest.raises(BadInput, match="role admin"):
        saved(kind="test")


def test_a_due_time_starts_one_job_however_many_tick() -> None:
    row = saved()
    due = row.next_due
    assert due is not None

    for _ in range(3):
        tick(due + timedelta(seconds=2))

    job = Job.objects.get()
    run = ScheduleRun.objects.get()
    assert (job.state, job.requested_by, job.owner) == ("queued", f"schedule:{row.pk}", "system")
    assert (run.due_at, run.outcome, run.job) == (due, "started", job)
    row.refresh_from_db()
    assert (row.next_due, row.last_due) == (due + timedelta(days=1), due)


def test_a_due_time_that_was_run_is_never_run_again() -> None:
    row = saved()
    due = row.next_due
    assert due is not None
    tick(due)
    make_due(row, due)  # as after a restored backup

    tick(due)

    assert Job.objects.count() == 1


@pytest.mark.parametrize(
    ("missed", "late", "outcome"),
    [
        ("skip", 30, "skipped"),
        ("late", 30, "started"),
        ("late", 90, "skipped"),
        ("once", 20_000, "started"),
        ("skip", 0.5, "started"),
    ],
)
def test_missed_times_are_treated_as_the_schedule_says(missed: str, late: float, outcome: str) -> None:
    row = saved(missed=missed, late_minutes=60, cron="0 3 1 * *")
    due = row.next_due
    assert due is not None

    tick(due + timedelta(minutes=late))

    assert [run.outcome for run in ScheduleRun.objects.all()] == [outcome]
    assert Job.objects.count() == (outcome == "started")


def test_many_missed_times_are_one_run_for_the_last_of_them() -> None:
    row = saved(cron="* * * * *", missed="late", late_minutes=5)
    due = row.next_due
    assert due is not None

    tick(due + timedelta(hours=3, seconds=1))

    assert [run.due_at for run in ScheduleRun.objects.all()] == [due + timedelta(hours=3)]
    row.refresh_from_db()
    assert row.next_due == due + timedelta(hours=3, minutes=1)


def test_a_single_time_is_over_after_its_run() -> None:
    at = datetime.now(UTC) + timedelta(hours=1)
    row = saved(when="at", at=at)
    other = saved(name="gone", when="at", at=at, source={"deleteAfterRun": True})

    tick(at)

    row.refresh_from_db()
    assert (row.enabled, row.next_due) == (False, None)
    assert not Schedule.objects.filter(pk=other.pk).exists()
    assert Job.objects.count() == 2
    ends = AuditEvent.objects.filter(action__in=["schedule.end", "schedule.delete"])
    assert {(event.action, event.subject, event.actor) for event in ends} == {
        ("schedule.end", f"schedule:{row.pk}", f"schedule:{row.pk}"),
        ("schedule.delete", f"schedule:{other.pk}", f"schedule:{other.pk}"),
    }


def test_one_bad_row_stops_no_other() -> None:
    rows = [saved(name=name) for name in ("a", "bad cron", "bad zone", "unknown kind", "z")]
    due = rows[0].next_due
    assert due is not None
    for name, changes in {
        "bad cron": {"cron": "nonsense"},
        "bad zone": {"time_zone": "Mars/Olympus"},
        "unknown kind": {"kind": "gone"},
    }.items():
        Schedule.objects.filter(name=name).update(**changes)

    tick(due)
    tick(due + timedelta(days=1))

    assert ScheduleRun.objects.filter(outcome="started").count() == 4  # a and z, twice
    told = {row.name: (row.enabled, bool(row.error)) for row in Schedule.objects.all()}
    assert told == {
        "a": (True, False),
        "bad cron": (False, True),
        "bad zone": (False, True),
        "unknown kind": (True, True),
        "z": (True, False),
    }
    assert ScheduleRun.objects.filter(outcome="failed").count() == 2


def test_a_database_that_is_locked_is_no_fault_of_the_schedule() -> None:
    row = saved()
    assert row.next_due is not None

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("database is locked")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        assert tick(row.next_due) == 0
    assert tick(row.next_due) == 1
    assert ScheduleRun.objects.get().outcome == "started"


def test_a_time_that_came_stays_due_when_something_else_is_changed() -> None:
    row = saved(when="every", every_seconds=3600, cron="")
    came = datetime.now(UTC) - timedelta(minutes=5)
    make_due(row, came)

    row.description = "said better"
    assert save_schedule(row, actor=BOB).next_due == came

    row.every_seconds = 7200
    moved = save_schedule(row, actor=BOB).next_due
    assert moved is not None
    assert moved > came + timedelta(minutes=5)


def test_run_now_leaves_the_next_time_alone() -> None:
    row = saved()
    job = run_now(row, actor=ALICE, origin="admin")

    run = ScheduleRun.objects.get()
    assert (run.job, run.by_hand, job.requested_by) == (job, True, ALICE.subject)
    assert Schedule.objects.get().next_due == row.next_due
    delete_schedule(row, actor=ALICE)
    assert Job.objects.filter(pk=job.pk).exists()
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == [
        "schedule.create",
        "job.create",
        "job.start",
        "schedule.delete",
    ]
