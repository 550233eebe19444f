"""What is asked again and again looks at the rows it is about, and never at every job there ever was."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from runbooks import reaper
from runbooks.alerts.clock import release_held
from runbooks.alerts.escalating import take_due_steps
from runbooks.alerts.reminders import remind
from runbooks.alerts.retention import old_groups, old_storms
from runbooks.alerts.silencing import end_silences
from runbooks.alerts.store import process_new
from runbooks.alerts.storms import end_storms, is_flooded
from runbooks.briefings.rows import read_incidents
from runbooks.briefings.window import Window
from runbooks.dispatch import plan
from runbooks.jobs import list_jobs
from runbooks.retention import clean_runs
from runbooks.targets.choosing import count_load

# PostgreSQL plans by what its tables hold, and these are almost empty.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SHIFT = Window(start=timezone.now() - timedelta(hours=8), end=timezone.now())
ASKED_OFTEN: dict[str, tuple[Callable[[], object], str]] = {
    "one owner's": (lambda: list_jobs("user:1"), "job_of_owner"),
    "one owner's in a state": (lambda: list_jobs("user:1", state="running"), "job_of_owner_by_state"),
    "one owner's of a kind": (lambda: list_jobs("user:1", kind="selftest"), "job_of_owner_by_kind"),
    "late runners": (reaper.end_late_runners, "job_by_state"),
    "overdue": (reaper.end_overdue, "job_by_state"),
    "due": (reaper.wake_due, "job_by_state"),
    "sent to gateways": (plan.make_plan, "job_sent_away"),
    "to be sent to one": (lambda: plan.next_waiting("east", room=5, without=[]), "job_to_send"),
    "load of gateways": (count_load, "job_sent_away"),
    "old runs of schedules": (clean_runs, "schedule_run_at"),
    "new deliveries of alerts": (process_new, "alert_webhook_new"),
    "steps of escalations": (lambda: take_due_steps(now=timezone.now()), "escalation_due"),
    "reminders": (lambda: remind(now=timezone.now()), "alert_group_remind"),
    "ends of quiet hours": (lambda: release_held(now=timezone.now()), "alert_notice_held"),
    "ends of silences": (lambda: end_silences(now=timezone.now()), "alert_silence_state"),
    "what rang in a chat": (lambda: is_flooded(1, now=timezone.now()), "alert_notice_rung"),
    "storms that are over": (lambda: end_storms(now=timezone.now()), "alert_storm_open"),
    "incidents of a shift": (lambda: read_incidents(SHIFT), "incident_resolved"),
    "old groups of alerts": (lambda: list(old_groups().order_by()), "alert_group_ended"),
    "old storms": (lambda: list(old_storms().order_by()), "alert_storm_ended"),
}


@pytest.mark.parametrize("name", ASKED_OFTEN)
def test_jobs_that_ended_cost_nothing(name: str) -> None:
    ask, index = ASKED_OFTEN[name]
    plans = explain(ask)

    assert any(index in step.split() for step in plans), plans
    assert not any("runbooks_job" in step and "INDEX" not in step for step in plans), plans


def explain(ask: Callable[[], object]) -> list[str]:
    """Return how the database goes about the questions that a function asks."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    steps: list[str] = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            if query["sql"].startswith("SELECT"):
                cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
                steps += [row[3] for row in cursor.fetchall()]
    return steps
