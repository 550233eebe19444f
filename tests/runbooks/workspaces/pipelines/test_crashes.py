"""A local pipeline whose process is killed in a stage: it goes on where it was, and its tree goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.processes import has_sandbox
from runbooks.models import Pipeline
from runbooks.runner import perform
from runbooks.workspaces.pipelines import actions, local_job
from runbooks.workspaces.pipelines.local_tree import has_tree, tree_of_pipeline
from tests.runbooks.killing import after, before, kill_job
from tests.runbooks.workspaces.making import project
from tests.runbooks.workspaces.pipelines.test_local import states
from tests.sessions_app.people import People

MANIFEST = """name: shop
stages:
  - {name: build, argv: [/bin/sh, -c, "echo made >> built"]}
  - {name: test, argv: [/bin/sh, -c, "test $(wc -l < built) = 1"]}
"""

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.faults,
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]


@pytest.mark.parametrize(
    ("where", "name", "kind"),
    [(local_job, "export_tree", after), (local_job, "run_in_tree", before), (local_job, "store_stages", after)],
    ids=["exported", "running", "noted"],
)
def test_it_goes_on_from_the_stage_it_was_at(
    people: People, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, kind: Any
) -> None:
    shop = project(owner=people.bob.person, files={"claw.yaml": MANIFEST})
    job = actions.start_pipeline(shop, actor=people.bob.actor, session_id=people.bobs.pk)
    with monkeypatch.context() as patch:
        patch.setattr(where, name, kind(getattr(where, name)))
        assert kill_job(job.pk).state == "queued"
    assert perform(job.pk)

    job.refresh_from_db()
    row = Pipeline.objects.get()
    assert (job.state, job.error, row.state) == ("succeeded", "", "succeeded")
    assert states(row) == {"build": "succeeded", "test": "succeeded"}
    assert not has_tree(row)


def test_what_succeeded_is_not_done_again_and_what_changes_things_is_not_repeated(people: People) -> None:
    stage = '  - {name: release, argv: [/bin/sh, -c, "echo x > going; sleep 60"], manual: true}\n'
    shop = project(owner=people.bob.person, files={"claw.yaml": MANIFEST + stage})
    job = actions.start_pipeline(shop, actor=people.bob.actor, session_id=people.bobs.pk)
    assert perform(job.pk)
    request = Approval.objects.get(state="waiting")
    assert decide(request.key, actor=people.bob.actor, approve=True).outcome == "approved"
    going = tree_of_pipeline(Pipeline.objects.get()) / "going"
    assert kill_job(job.pk, when=going.exists).state == "queued"
    assert perform(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "The stage release was interrupted, and nobody knows how far it came.")
    row = Pipeline.objects.get()
    assert states(row) == {"build": "succeeded", "test": "succeeded", "release": "failed"}
