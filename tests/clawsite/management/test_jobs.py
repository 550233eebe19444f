"""`manage.py jobs`: lists, shows, starts and cancels, for people and for programs."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from clawsite.core.models import AuditEvent, Process
from clawsite.core.process import host_name, register_process
from guardrails.types import Actor, Role
from runbooks.jobs import create_job
from runbooks.models import Job
from tests.clawsite.management.running import run

pytestmark = pytest.mark.django_db


def make(count: int = 1) -> list[Job]:
    actor = Actor(subject="user:9", role=Role.OPERATOR)
    return [create_job("selftest", params={"echo": "\x1b[31m"}, actor=actor) for _ in range(count)]


def test_nothing_is_listed_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "jobs start selftest" in run(monkeypatch, "jobs", "list").text
    assert json.loads(run(monkeypatch, "jobs", "list", "--json").text) == []


def test_jobs_are_listed_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = make(2)
    said = run(monkeypatch, "jobs", "list").text
    assert said.index(second.key[:12]) < said.index(first.key[:12])
    assert "user:9" in said
    rows = json.loads(run(monkeypatch, "jobs", "list", "--json", "--limit", "1").text)
    assert [row["id"] for row in rows] == [second.key]
    assert "no such jobs" in run(monkeypatch, "jobs", "list", "--state", "failed").text


def test_a_job_is_started_shown_and_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    register_process("worker")
    said = run(monkeypatch, "jobs", "start", "selftest", '{"events": 2}', "--key", "k")
    job = Job.objects.get()
    assert said.text == f"Started: {job.key}\n"
    assert json.loads(run(monkeypatch, "jobs", "start", "selftest", '{"events": 2}', "--key", "k", "--json").text)[
        "id"
    ] == (job.key)
    shown = run(monkeypatch, "jobs", "show", job.key[:8])
    assert "queued" in shown.text
    assert '"events": 2' in shown.text
    told = json.loads(run(monkeypatch, "jobs", "show", job.key, "--json").text)
    assert [event["kind"] for event in told["events"]] == ["state"]

    assert run(monkeypatch, "jobs", "cancel", job.key).text == "Cancelled.\n"
    assert run(monkeypatch, "jobs", "cancel", job.key).error == "This job is over: cancelled."
    assert AuditEvent.objects.filter(actor__startswith="cli:", action="job.cancel", origin="terminal").count() == 1


@pytest.mark.parametrize(
    ("host", "silent", "waits"), [("", 0, True), ("far", 0, False), ("far", 3600, True)], ids=["here", "far", "silent"]
)
def test_a_job_that_has_to_wait_for_a_worker_says_so(
    monkeypatch: pytest.MonkeyPatch, host: str, silent: int, waits: bool
) -> None:
    """The first of the workers is one of this machine that is no more."""
    beat = timezone.now() - timedelta(seconds=silent)
    Process.objects.create(role="worker", host=host or host_name(), pid=os.getpid(), started=1, beat_at=beat)
    register_process("web")
    said = run(monkeypatch, "jobs", "start", "selftest").text
    key = Job.objects.get().key
    wait = (
        f"Created: {key}\nIt waits for a worker, and none runs. Start everything with ./run, or one: manage.py worker\n"
    )
    assert said == (wait if waits else f"Started: {key}\n")


def test_what_comes_from_outside_moves_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = make()
    assert "\x1b" not in run(monkeypatch, "jobs", "show", job.key).text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("show", "nope"), "no such job"),
        (("show", "%"), "no such job"),
        (("cancel", "0" * 32), "no such job"),
        (("start", "nope"), "There is no kind of job"),
        (("start", "selftest", "{"), "JSON object"),
        (("start", "selftest", "[]"), "JSON object"),
        (("start", "selftest", '{"events": "x"}'), "Expected `int`"),
        (("list", "--state", "nope"), "invalid choice"),
        ((), "required"),
    ],
)
def test_what_cannot_be_done_is_said(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], text: str) -> None:
    assert text in run(monkeypatch, "jobs", *arguments).error


def test_an_ambiguous_beginning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for job, key in zip(make(2), ("abc1", "abc2"), strict=True):
        Job.objects.filter(pk=job.pk).update(key=key)
    assert "Several jobs" in run(monkeypatch, "jobs", "show", "abc").error


def test_the_kinds_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "selftest" in run(monkeypatch, "jobs", "kinds").text
    names = [kind["name"] for kind in json.loads(run(monkeypatch, "jobs", "kinds", "--json").text)]
    assert {"clean", "selftest"} <= set(names)
