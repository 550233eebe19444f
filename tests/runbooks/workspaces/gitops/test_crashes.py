"""A change request whose processes are killed at each of their parts: one commit, one request, one merge."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.models import Approval
from runbooks.models import ChangeRequest, Job, Operation
from runbooks.workspaces import git
from runbooks.workspaces.gitops import merging
from runbooks.workspaces.gitops.starting import start_command
from tests.runbooks.killing import after, before, kill_job
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.gitops.changing import change, decide, go, merge_job, shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("add_worktree", after), ("commit_all", before), ("commit_all", after)],
    ids=["begun", "committing", "committed"],
)
def test_a_command_makes_one_change(monkeypatch: pytest.MonkeyPatch, name: str, kind: Any) -> None:
    made = shop()
    job = start_command(made, "scale", ("web", "3"), actor=BOB, session_id=None)
    with monkeypatch.context() as patch:
        patch.setattr(git, name, kind(getattr(git, name)))
        assert kill_job(job.pk).state == "queued"
    go(job)

    only = ChangeRequest.objects.get()
    assert git.run_git(made, "rev-list", "--count", f"main..{only.branch}").stdout.strip() == b"1"
    assert Approval.objects.filter(kind="gitops", state="waiting").count() == 1


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [(git, "merge_branch", before), (git, "merge_branch", after), (merging, "record_operation", after)],
    ids=["merging", "merged", "recorded"],
)
def test_an_approved_change_is_merged_once(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any) -> None:
    made = shop()
    first = git.head(made)
    go(start_command(made, "scale", ("web", "3"), actor=BOB, session_id=None))
    decide()
    job = Job.objects.get(kind="gitops_merge")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        assert kill_job(job.pk).state == "queued"
    assert merge_job().state == "succeeded"

    (operation,) = Operation.objects.filter(kind="gitops")
    assert (operation.before, operation.sha) == (first, git.head(made))
    assert (change().state, change().merged) == ("merged", git.head(made))
