"""The job and its schedule, and the button in the admin."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from clawsite.core.models import User
from clawsite.models import Backup
from clawsite.ops.backups.job import CRON, KIND, ensure_schedule
from clawsite.ops.backups.stores import local_store
from runbooks.jobs import create_job
from runbooks.jobs.actions import SYSTEM
from runbooks.models import Job, Schedule
from tests.runbooks.running import run, story

pytestmark = pytest.mark.django_db


def test_a_backup_is_made_every_day_until_somebody_switches_it_off() -> None:
    assert ensure_schedule()
    assert not ensure_schedule()
    row = Schedule.objects.get(kind=KIND)
    assert (row.cron, row.enabled, row.next_due is not None) == (CRON, True, True)

    Schedule.objects.update(enabled=False)
    assert not ensure_schedule()
    assert not Schedule.objects.get(kind=KIND).enabled


@pytest.mark.django_db(transaction=True)
def test_the_job_tells_its_steps_and_what_it_made(home: Path) -> None:
    job = run(create_job(KIND, actor=SYSTEM, start=True))

    row = Backup.objects.get()
    assert job.state == Job.State.SUCCEEDED, job.error
    assert job.result == {
        "name": row.name, "size": row.size, "sha256": row.sha256, "places": [local_store().label],
    }  # fmt: skip
    assert [data["text"][:19] for name, data in story(job) if name == "backup"] == [
        "The database is cop", "It is read back and",
    ]  # fmt: skip


def login(name: str, *, is_staff: bool = True, is_superuser: bool = False) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(name, is_staff=is_staff, is_superuser=is_superuser))
    return client


def test_alice_has_one_made_and_sees_the_job() -> None:
    answer = login("alice", is_superuser=True).post(reverse("admin:clawsite_backup_now"))
    job = Job.objects.get(kind=KIND)

    assert answer["Location"] == reverse("admin:runbooks_job_change", args=[job.pk])


@pytest.mark.parametrize(("name", "is_staff", "status"), [("bob", True, 403), ("charlie", False, 302)])
def test_bob_and_charlie_have_none_made(name: str, is_staff: bool, status: int) -> None:
    client = login(name, is_staff=is_staff)

    assert client.post(reverse("admin:clawsite_backup_now")).status_code == status
    assert not Job.objects.exists()


def test_looking_at_the_buttons_address_makes_none() -> None:
    assert login("alice", is_superuser=True).get(reverse("admin:clawsite_backup_now")).status_code == 405
    assert not Job.objects.exists()
