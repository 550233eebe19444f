"""The pages of jobs and schedules: live events, buttons, and a form that says what is wrong at its field."""

from __future__ import annotations

import html
import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent, User
from clawsite.gateway.tokens import create_token
from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import Job, JobEvent, Schedule, ScheduleRun
from tests.clawsite.admin.rows import EVIL, Rows
from tests.clawsite.admin.test_buttons import press
from tests.runbooks.running import kind

pytestmark = pytest.mark.django_db(transaction=True)

FORM = {
    "name": "nightly",
    "description": "",
    "enabled": "on",
    "kind": "selftest",
    "params": '{"events": 2}',
    "when": "cron",
    "cron": "30 6 * * 1-5",
    "time_zone": "Europe/Berlin",
    "every_seconds": "",
    "at_0": "",
    "at_1": "",
    "missed": "late",
    "late_minutes": "30",
}


EMPTY = {"payload": {"kind": "agentTurn", "message": " "}}


def make() -> Job:
    return create_job("selftest", actor=Actor(subject="user:9", role=Role.OPERATOR))


def add(client: Client, **changes: str) -> Any:
    return client.post(reverse("admin:runbooks_schedule_add"), FORM | changes)


def test_the_page_of_a_job_shows_its_events_and_says_where_more_come_from(alice: Client, rows: Rows) -> None:
    page = alice.get(reverse("admin:runbooks_job_change", args=[rows.job.pk])).content.decode()

    assert f'data-url="{events(rows.job)}" data-after="1" data-over="yes"' in page
    assert "<b>end</b>" in page
    assert EVIL not in page


def events(job: Job) -> str:
    return reverse("admin:runbooks_job_events", args=[job.pk])


def test_new_events_are_told_from_a_number_on(alice: Client) -> None:
    job = make()
    JobEvent.objects.bulk_create(
        JobEvent(job=job, seq=n, kind="line", data={"n": n} if n > 1 else {"text": EVIL}) for n in range(1, 4)
    )
    told = alice.get(events(job)).json()
    assert [(event["seq"], event["kind"], event["text"]) for event in told["events"]] == [
        (1, "line", EVIL),
        (2, "line", "n: 2"),
        (3, "line", "n: 3"),
    ]
    assert (told["state"], told["over"]) == ("Created", False)
    assert [event["seq"] for event in alice.get(f"{events(job)}?after=2").json()["events"]] == [3]
    assert len(alice.get(f"{events(job)}?after=x").json()["events"]) == 3


def test_events_are_for_who_may_see_the_job(bob: Client, bob_user: User, charlie: Client) -> None:
    job = make()
    assert bob.get(events(job)).status_code == 200
    assert charlie.get(events(job)).status_code == 302
    bob_user.user_permissions.clear()
    assert bob.get(events(job)).status_code == 404


def test_jobs_are_started_cancelled_and_run_again(alice: Client) -> None:
    job = make()
    assert "started" in press(alice, "runbooks_job", job.pk, "start")
    assert "cancelled" in press(alice, "runbooks_job", job.pk, "cancel")
    assert "over" in press(alice, "runbooks_job", job.pk, "cancel")
    assert "Another job" in press(alice, "runbooks_job", job.pk, "again")
    again = Job.objects.exclude(pk=job.pk).get()
    assert (again.state, again.owner) == ("queued", "user:9")
    alice_id = User.objects.get(username="alice").pk
    assert set(AuditEvent.objects.filter(subject=again.ref).values_list("actor", flat=True)) == {f"user:{alice_id}"}


def test_an_operator_cannot_cancel_what_only_admins_may(bob: Client, bob_user: User) -> None:
    bob_user.user_permissions.add(Permission.objects.get(codename="change_job"))
    with kind(lambda ctx: None, role=Role.ADMIN):
        job = create_job("test", actor=Actor(subject="user:9", role=Role.ADMIN))
        assert "Only the role admin" in press(bob, "runbooks_job", job.pk, "cancel")
    job.refresh_from_db()
    assert job.state == "created"


def test_a_schedule_is_added_changed_run_and_removed(alice: Client) -> None:
    assert add(alice).status_code == 302
    row = Schedule.objects.get()
    assert row.params["events"] == 2
    assert row.next_due is not None
    page = alice.get(reverse("admin:runbooks_schedule_change", args=[row.pk])).content.decode()
    assert "At 06:30 on Monday through Friday (Europe/Berlin)" in page

    alice.post(reverse("admin:runbooks_schedule_change", args=[row.pk]), FORM | {"enabled": ""})
    row.refresh_from_db()
    assert not row.enabled
    assert Schedule.objects.filter(pk=row.pk, next_due=None).exists()
    assert "The job was started" in press(alice, "runbooks_schedule", row.pk, "run")
    assert ScheduleRun.objects.get().by_hand
    assert "removed" in press(alice, "runbooks_schedule", row.pk, "remove", confirmed="1")
    assert not Schedule.objects.exists()
    actions = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert [action for action in actions if action.startswith("schedule")] == [
        "schedule.create",
        "schedule.change",
        "schedule.delete",
    ]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"cron": "61 * * * *"}, "cannot be read: bad minute"),
        ({"cron": "* *"}, "five fields"),
        ({"time_zone": "Mars/Olympus"}, "no such time zone"),
        ({"when": "every"}, "Give an interval"),
        ({"when": "at"}, "Say when it is to run"),
        ({"params": '{"nope": 1}'}, "unknown field"),
        ({"params": "[1]"}, "JSON object"),
        ({"params": "{"}, "valid JSON"),
        ({"kind": "nope"}, "Select a valid choice"),
    ],
)
def test_the_form_says_what_is_wrong(alice: Client, changes: dict[str, str], text: str) -> None:
    answer = add(alice, **changes)
    assert answer.status_code == 200
    assert text in answer.content.decode()
    assert not Schedule.objects.exists()


def test_staff_schedules_nothing_that_only_admins_may_start(bob: Client, bob_user: User) -> None:
    bob_user.user_permissions.add(Permission.objects.get(codename="add_schedule", content_type__app_label="runbooks"))
    answer = add(bob, kind="clean", params="{}")
    assert "Only the role admin" in answer.content.decode()
    assert add(bob).status_code == 302
    assert Schedule.objects.get().owner == f"user:{bob_user.pk}"


def test_a_scheduled_message_needs_an_owner_who_may_write(alice: Client) -> None:
    turn = {
        "kind": "cron.agentTurn",
        "params": json.dumps({"payload": {"kind": "agentTurn", "message": "What is new?"}}),
    }
    owner = User.objects.get(username="alice")
    assert "has no live token that may write" in html.unescape(add(alice, **turn).content.decode())
    create_token("alice", scopes=["admin"], actor="test", user_id=owner.pk)
    assert "needs a text" in add(alice, **turn | {"params": json.dumps(EMPTY)}).content.decode()
    assert add(alice, **turn).status_code == 302
    assert Schedule.objects.get().owner == f"user:{owner.pk}"
