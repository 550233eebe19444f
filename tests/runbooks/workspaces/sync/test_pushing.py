"""Pushing to a real bare repository: after each operation, again after a failure, never over what is there."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.models import Job, Project, Remote
from runbooks.workspaces import git
from runbooks.workspaces.sync import pushing
from runbooks.workspaces.sync.actions import save_remote
from runbooks.workspaces.sync.queue import SLOW, WAITS, next_try, push_due
from runbooks.workspaces.sync.results import LONG
from sessions_app.models import Card
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.running import run
from tests.runbooks.workspaces.sync.places import at_remote, change, connect, dana_pushes, push, pushes

pytestmark = pytest.mark.django_db(transaction=True)


def news() -> list[tuple[str, str]]:
    """Return what the chat that watches is shown: what, and how it stands."""
    return [(card.data["what"], card.data["state"]) for card in Card.objects.filter(kind="sync")]


def later(remote: Remote) -> None:
    """Have the next try be due."""
    Remote.objects.filter(pk=remote.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    assert push_due() == 1


def test_each_operation_is_pushed(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    assert push().result == {"pushed": True, "sha": at_remote(bare)}
    sha = change(project, {"b.txt": "b"})
    assert push().state == "succeeded"

    assert at_remote(bare) == sha == git.head(project)
    remote.refresh_from_db()
    assert (remote.state, remote.pushed_sha, remote.due_at, remote.ahead) == ("ok", sha, None, 0)
    assert news() == []  # nobody is told that all is well


def test_one_push_waits_and_takes_the_newest(project: Project, bare: Path) -> None:
    connect(project, f"file://{bare}")
    for number in range(3):
        sha = change(project, {"n.txt": str(number)})
    push()

    assert at_remote(bare) == sha
    assert pushes() == []


def test_an_operation_during_a_push_is_pushed_too(project: Project, bare: Path) -> None:
    connect(project, f"file://{bare}")
    (first,) = pushes()
    Job.objects.filter(pk=first.pk).update(state="running")
    sha = change(project, {"b.txt": "b"})
    _, second = pushes()
    assert run(second).state == "queued"  # it waits for the first
    Job.objects.filter(pk=first.pk).update(state="failed", ended_at=timezone.now())
    Job.objects.filter(pk=second.pk).update(not_before=timezone.now())
    run(second)

    assert at_remote(bare) == sha


def test_an_outage_loses_nothing_and_is_told_when_it_lasts(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    push()
    away = bare.rename(bare.with_name("away.git"))
    change(project, {"b.txt": "b"})
    failed = push()
    assert (failed.state, pushes(), news()) == ("failed", [], [])
    assert push_due() == 0  # not yet

    Remote.objects.update(failing_since=timezone.now() - LONG)
    later(remote)
    push()
    assert news() == [("trouble", "failed")]
    sha = change(project, {"c.txt": "c"})
    push()
    assert Card.objects.get().version == 1  # told once

    away.rename(bare)
    later(remote)
    assert push().state == "succeeded"
    assert (at_remote(bare), news()) == (sha, [("recovered", "ok")])


def test_a_lost_job_loses_no_push(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    (job,) = pushes()
    jobs.cancel_job(job.key, actor=BOB)
    later(remote)
    push()

    assert at_remote(bare) == git.head(project)


def test_a_push_that_fails_by_an_error_of_ours_does_not_begin_anew_with_each_tick(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **values: object) -> None:
        raise RuntimeError("boom")

    remote = connect(project, f"file://{bare}")
    with monkeypatch.context() as patch:
        patch.setattr(pushing, "push", fail)
        assert push().state == "failed"
        assert (push_due(), push().state, push_due()) == (1, "failed", 0)
    later(remote)
    assert push().state == "succeeded"

    remote.refresh_from_db()
    assert (at_remote(bare), remote.due_at) == (git.head(project), None)


def test_the_pace_of_tries_has_a_limit_and_they_never_end() -> None:
    assert [round(next_try("away", n).total_seconds() / WAITS[min(n, 6) - 1]) for n in (1, 3, 6, 99)] == [1] * 4
    assert next_try("diverged", 1).total_seconds() > SLOW / 2


def test_what_has_diverged_is_told_at_once_and_never_pushed_over(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    push()
    theirs = dana_pushes(bare, {"dana.txt": "d"})
    change(project, {"b.txt": "b"})
    assert push().state == "failed"

    remote.refresh_from_db()
    assert (remote.state, remote.ahead, remote.behind) == ("diverged", 1, 1)
    assert at_remote(bare) == theirs
    assert news() == [("trouble", "diverged")]


def test_what_a_hook_rejects_is_told_in_its_words(project: Project, bare: Path) -> None:
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'No commits on Fridays'\nexit 1\n")
    hook.chmod(0o755)
    connect(project, f"file://{bare}")
    assert push().state == "failed"

    remote = Remote.objects.get()
    assert (remote.state, remote.error) == ("rejected", "pre-receive hook declined\nNo commits on Fridays")
    assert Card.objects.get().data["error"] == remote.error


def test_a_remote_that_is_off_is_left_alone(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    Remote.objects.update(enabled=False)
    assert push().result == {"pushed": False, "reason": "the remote is off"}
    change(project, {"b.txt": "b"})

    assert (pushes(), push_due(), list(bare.glob("refs/heads/*"))) == ([], 0, [])
    remote.refresh_from_db()
    assert remote.due_at is not None


def test_an_address_that_is_allowed_no_more_is_not_used(project: Project, bare: Path, settings: object) -> None:
    connect(project, f"file://{bare}")
    settings.CLAW_GIT_REMOTES = []  # type: ignore[attr-defined]
    assert push().error == "This address is not among CLAW_GIT_REMOTES."


def test_what_an_admin_saves_undoes_nothing_that_a_push_wrote_meanwhile(project: Project, bare: Path) -> None:
    pk = connect(project, f"file://{bare}").pk
    opened = Remote.objects.defer("token", "private_key").get(pk=pk)
    opened.user = "dana"
    push()

    save_remote(opened, actor=ALICE, fields=["user"])

    remote = Remote.objects.get(pk=pk)
    assert (remote.user, remote.state, remote.pushed_sha) == ("dana", "ok", at_remote(bare))


def test_at_another_address_nothing_is_known_of_the_one_before(project: Project, bare: Path) -> None:
    remote = connect(project, f"file://{bare}")
    push()
    remote.refresh_from_db()
    remote.url = f"file://{bare.parent}/other.git"
    save_remote(remote, actor=ALICE, fields=["url"])

    remote = Remote.objects.get(pk=remote.pk)
    assert (remote.url, remote.state, remote.pushed_sha) == (f"file://{bare.parent}/other.git", "new", "")


def test_what_others_make_of_this_kind_keeps_no_push_back(project: Project, bare: Path) -> None:
    other = Actor(subject="user:9", role=Role.OPERATOR, name="Otto")
    connect(project, f"file://{bare}")
    push()
    params = {"project": project.key}
    never = jobs.create_job("git_push", params=params, actor=other)
    sha = change(project, {"b.txt": "b"})
    (ours,) = [job for job in pushes() if job.pk != never.pk]

    assert run(ours).state == "succeeded"
    assert at_remote(bare) == sha
    asked = jobs.start_job(never.key, actor=other)
    told = run(asked)
    assert (told.state, told.result) == ("failed", None)
    assert "There is no project" in told.error
