"""A file on its way into a project, whose process is killed at each of its parts: it is committed and recorded once."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings

from bots.uploads import job as uploading
from runbooks.models import Job, Operation, Project, Upload
from runbooks.workspaces import git, landing, uploads
from runbooks.workspaces.roots import project_root, tree_of
from tests.bots.uploads.test_uploads import offered, people, press, sent, shop, shown, work
from tests.runbooks.killing import after, before, kill_job
from tests.sessions_app.people import People

__all__ = ["people", "shop"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
]


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [
        (uploads, "write_file", after),
        (git, "commit_all", after),
        (git, "merge_branch", after),
        (landing, "record_operation", after),
        (uploading, "_close", before),
    ],
    ids=["written", "committed", "merged", "recorded", "closing"],
)
def test_it_is_committed_once(
    people: People, shop: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any
) -> None:
    first = git.head(shop)
    offered(people.bob, people.bobs, sent(settings, b"one\n", "plan.md"))
    press(people.bob, people.bobs, f"{Upload.objects.get().pk} =uploads")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        assert kill_job(Job.objects.get().pk).state == "queued"
    work()

    assert (tree_of(shop) / "uploads" / "plan.md").read_bytes() == b"one\n"
    made = Operation.objects.get()
    assert (made.kind, made.before, made.sha) == ("file_put", first, git.head(shop))
    assert not any((project_root(shop) / "jobs").glob("*"))
    assert "uploads/plan.md is in shop now" in shown()
