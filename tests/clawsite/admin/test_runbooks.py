"""Runbooks in the admin: what the pages accept, who may have what run, and starting one with its parameters."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from clawsite.core.models import AuditEvent, User
from runbooks.books import to_book
from runbooks.models import Job, Run, Runbook
from runbooks.runner import perform
from tests.runbooks.books.making import ECHO, saved, step

pytestmark = pytest.mark.django_db(transaction=True)
HOSTED = ECHO | {"host": ["echo"]}


def url(name: str, row: Any = None) -> str:
    return reverse(f"admin:runbooks_{name}", args=[row.pk] if row is not None else [])


def page(*steps: dict[str, str], **values: str) -> dict[str, str]:
    """Return what a browser sends of the form of a new runbook."""
    data = {"name": "clean-up", "title": "Clean up", "enabled": "on", "role": "operator", "target": "", "labels": "",
            "parameters": "- name: days\n  type: integer\n  default: 3\n", "description": "", **values}  # fmt: skip
    data |= {"steps-TOTAL_FORMS": str(len(steps)), "steps-INITIAL_FORMS": "0"}
    for number, each in enumerate(steps):
        whole = {"position": str(number + 1), "title": "Say", "kind": "command", "settings": "", "timeout": "60",
                 "retries": "0", "pause": "2", "repeatable": "unknown", "on_failure": "rollback", "host": "",
                 "rollback": ""} | each  # fmt: skip
        data |= {f"steps-{number}-{key}": value for key, value in whole.items()}
    return data


def give(user: User, *names: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))


def test_what_is_written_in_the_pages_is_the_same_as_yaml(alice: Client) -> None:
    answer = alice.post(url("runbook_add"), page({"settings": 'argv: [echo, "{days}"]', "host": "echo"}))
    assert answer.status_code == 302, answer.content.decode()
    row = Runbook.objects.get()
    book = to_book(row)
    assert (book.parameters[0].default, book.steps[0].with_, book.steps[0].host) == (
        3,
        {"argv": ["echo", "{days}"]},
        ["echo"],
    )
    assert AuditEvent.objects.get(action="runbook.create").subject == "runbook:clean-up"
    shown = alice.get(url("runbook_change", row)).content.decode()
    assert "argv:" in shown
    assert url("runbook_run", row) in shown


@pytest.mark.parametrize(
    ("steps", "values", "reason"),
    [
        ([{"settings": "argv: [echo, '{dais}']"}], {}, "step 1 (Say): with.argv.2: there is no parameter named"),
        ([{"settings": "argv: [echo"}], {}, "line 1, column"),
        ([{"settings": "- echo"}], {}, "Write name: value."),
        ([], {}, "steps: expected array of length"),
        ([{"settings": "argv: [ls]"}], {"parameters": "- name: days"}, "say required: true, or give a default"),
        ([{"settings": "argv: [ls]", "host": "echo"}], {}, "on the host it may run echo, not ls"),
    ],
)
def test_a_mistake_is_said_and_nothing_is_saved(
    alice: Client, steps: list[dict[str, str]], values: dict[str, str], reason: str
) -> None:
    answer = alice.post(url("runbook_add"), page(*steps, **values))
    text = answer.content.decode().replace("&#x27;", "'")
    assert reason in text
    assert not Runbook.objects.exists()


def test_a_change_is_a_version_and_only_admins_touch_the_host(alice: Client, bob: Client, bob_user: User) -> None:
    row = saved(HOSTED)
    give(bob_user, "change_runbook", "change_runbookstep")
    first = row.steps.get()

    def change(client: Client, settings: str, title: str) -> str:
        data = page({"settings": settings, "host": "echo", "id": str(first.pk), "runbook": str(row.pk)})
        data |= {"name": "try", "title": title, "parameters": "", "steps-INITIAL_FORMS": "1"}
        return client.post(url("runbook_change", row), data).content.decode()

    assert "Only an admin may have a step run on the host" in change(bob, "argv: [echo, other]", "Bobs")
    assert change(bob, "argv: [echo, hello]", "Bobs") == ""
    row.refresh_from_db()
    assert (row.title, row.version) == ("Bobs", 2)
    assert change(alice, "argv: [echo, other]", "Bobs") == ""
    assert AuditEvent.objects.filter(action="runbook.change").latest("pk").data["fields"] == ["steps"]


def test_a_run_is_started_with_its_parameters_and_watched(alice: Client) -> None:
    parameters = [{"name": "word", "title": "What is said", "required": True}]
    row = saved(HOSTED | {"with": {"argv": ["echo", "{word}"]}}, parameters=parameters)
    assert "What is said" in alice.get(url("runbook_run", row)).content.decode()
    assert (
        "must not begin with a dash" in alice.post(url("runbook_run", row), {"word": "-x", "run": "1"}).content.decode()
    )

    answer = alice.post(url("runbook_run", row), {"word": "hi there", "run": "1"})
    run = Run.objects.get()
    assert answer["Location"] == url("run_change", run)
    assert "already runs on try" in alice.post(url("runbook_run", row), {"word": "again", "run": "1"}).content.decode()
    perform(run.job_id)
    shown = alice.get(url("run_change", run)).content.decode()
    assert 'data-step="do-1">ok<' in shown
    events = alice.get(reverse("admin:runbooks_job_events", args=[run.job_id])).json()["events"]
    assert "hi there" in [event["text"] for event in events]
    assert [event["state"] for event in events if event.get("step") == "do-1"] == ["started", "ok"]


def test_the_buttons_of_a_run(alice: Client) -> None:
    saved(step("wait", seconds=600))
    alice.post(url("runbook_run", Runbook.objects.get()), {"run": "1"})
    run = Run.objects.get()
    alice.post(f"/admin/runbooks/run/{run.pk}/do/cancel/")
    assert Job.objects.get(pk=run.job_id).state == "cancelled"
    alice.post(f"/admin/runbooks/run/{run.pk}/do/again/")
    assert Run.objects.count() == 2


def test_a_cancelled_run_is_rolled_back_by_a_button_once(alice: Client, bob: Client) -> None:
    undo = {"title": "Back", "kind": "command", "with": {"argv": ["true"]}, "host": ["true"]}
    saved(HOSTED | {"rollback": undo}, step("wait", seconds=600))
    alice.post(url("runbook_run", Runbook.objects.get()), {"run": "1"})
    run = Run.objects.get()
    perform(run.job_id)
    button = f"/admin/runbooks/run/{run.pk}/do/undo/"
    assert button not in alice.get(url("run_change", run)).content.decode()
    alice.post(f"/admin/runbooks/run/{run.pk}/do/cancel/")
    assert button in alice.get(url("run_change", run)).content.decode()
    assert bob.post(button).status_code == 403
    alice.post(button)
    undoing = Run.objects.get(undoes=run)
    assert button not in alice.get(url("run_change", run)).content.decode()
    perform(undoing.job_id)
    assert f"/admin/runbooks/run/{undoing.pk}/do/again/" not in alice.get(url("run_change", undoing)).content.decode()
    alice.post(f"/admin/runbooks/run/{undoing.pk}/do/again/")
    assert Run.objects.count() == 2


def test_bob_looks_and_charlie_does_not_even_that(bob: Client, charlie: Client, client: Client) -> None:
    row = saved(HOSTED)
    assert "Its runs" in bob.get(url("runbook_change", row)).content.decode()
    assert url("runbook_run", row) not in bob.get(url("runbook_change", row)).content.decode()
    assert bob.post(url("runbook_run", row), {"run": "1"}).status_code == 403
    for browser in (charlie, client):
        assert browser.post(url("runbook_run", row), {"run": "1"}).status_code == 302
    assert not Run.objects.exists()
