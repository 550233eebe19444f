"""Pushes and pulls whose process is killed at each of their parts: both sides end the same, all is recorded once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runbooks import jobs
from runbooks.models import Operation, Project, Remote
from runbooks.runner import perform
from runbooks.workspaces import git
from runbooks.workspaces.roots import tree_of
from runbooks.workspaces.sync import pulling, pushing
from sessions_app.models import Card
from tests.runbooks.killing import after, before, kill_job
from tests.runbooks.people import BOB
from tests.runbooks.workspaces.sync.places import at_remote, change, connect, dana_pushes, push, pushes

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def remote(project: Project, bare: Path) -> Remote:
    """Begin with both the same."""
    made = connect(project, f"file://{bare}")
    push()
    return made


@pytest.mark.parametrize(("name", "kind"), [("push", before), ("push", after)], ids=["pushing", "pushed"])
def test_a_push_is_done_again(
    project: Project, bare: Path, remote: Remote, monkeypatch: pytest.MonkeyPatch, name: str, kind: Any
) -> None:
    sha = change(project, {"b.txt": "b"})
    (job,) = pushes()
    with monkeypatch.context() as patch:
        patch.setattr(pushing, name, kind(getattr(pushing, name)))
        assert kill_job(job.pk).state == "queued"
    assert perform(job.pk)

    job.refresh_from_db()
    remote.refresh_from_db()
    assert (job.state, at_remote(bare)) == ("succeeded", sha)
    assert (remote.state, remote.pushed_sha, remote.due_at) == ("ok", sha, None)


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [
        (pulling, "fetch", after),
        (git, "merge_branch", before),
        (git, "merge_branch", after),
        (pulling, "record_operation", after),
        (pulling, "tell", before),
    ],
    ids=["fetched", "merging", "merged", "recorded", "telling"],
)
@pytest.mark.parametrize("choice", ["", "ours"])
def test_a_pull_is_recorded_once(
    project: Project, bare: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any, choice: str
) -> None:
    line = "THEIRS" if choice else "two"
    dana_pushes(bare, {"a.txt": f"one\n{line}\nthree\n", "dana.txt": "d"})
    first = change(project, {"a.txt": "one\nOURS\nthree\n"} if choice else {"b.txt": "b"})
    params = {"project": project.key, "choice": choice}
    job = jobs.create_job("git_pull", params=params, actor=BOB, start=True)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        assert kill_job(job.pk).state == "queued"
    assert perform(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == ("succeeded", "")
    (operation,) = Operation.objects.filter(kind="pull")
    assert (operation.before, operation.sha) == (first, git.head(project))
    assert (tree_of(project) / "dana.txt").read_text() == "d"
    assert Card.objects.filter(kind="sync", data__what="pulled").count() == 1
    assert perform(pushes()[0].pk)
    assert at_remote(bare) == git.head(project)
