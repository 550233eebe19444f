"""Who may deploy and approve, asked again when it happens: rights may be gone, and jobs may be run again by others."""

from __future__ import annotations

import pytest

from guardrails.approvals import decide
from guardrails.models import Approval
from guardrails.processes import has_sandbox
from guardrails.types import Actor, Role
from runbooks import jobs
from runbooks.models import Job, ProjectMember
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.workspaces.deploying import deploy, go, page, shop, start, states

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not has_sandbox(), reason="needs bubblewrap"),
]
DANA = Actor(subject="user:5", role=Role.OPERATOR, name="Dana")
GUARDED = {"production": {"approval": True}}


def test_who_runs_another_ones_deploy_again_does_not_approve_it() -> None:
    made = shop(environments=GUARDED)
    ProjectMember.objects.create(project=made, subject=DANA.subject, name="Dana", role="maintainer")
    first = deploy(made, "production")
    jobs.cancel_job(first.key, actor=BOB)
    again = go(jobs.run_again(first.key, actor=DANA))

    assert again.state == "waiting_approval"
    request = Approval.objects.get(state="waiting")
    assert request.requested_by == DANA.subject
    assert decide(request.key, actor=DANA, approve=True).outcome == "not_allowed"


def test_an_admin_who_is_no_member_runs_no_deploy_again() -> None:
    made = shop()
    first = deploy(made)
    again = go(jobs.run_again(first.key, actor=ALICE))

    assert (again.state, states(made)) == ("failed", ["live"])
    assert "There is no project" in again.error


def test_who_was_let_out_of_the_project_meanwhile_deploys_nothing() -> None:
    made = shop(environments=GUARDED | {"staging": {}})
    dana = ProjectMember.objects.create(project=made, subject=DANA.subject, name="Dana", role="developer")
    waiting = go(start(made, "production", actor=DANA))
    first, second = start(made, actor=BOB), start(made, actor=DANA)
    Job.objects.filter(pk=second.pk).update(state="queued")
    dana.delete()
    assert decide(Approval.objects.get().key, actor=BOB, approve=True).outcome == "approved"

    assert "There is no project" in go(waiting).error
    assert page(made, "production") == ""
    assert go(first).state == "succeeded"
    assert "There is no project" in go(second).error


def test_who_is_no_maintainer_any_more_has_not_approved() -> None:
    made = shop(environments=GUARDED)
    dana = ProjectMember.objects.create(project=made, subject=DANA.subject, name="Dana", role="maintainer")
    waiting = deploy(made, "production")
    dana.delete()
    assert decide(Approval.objects.get().key, actor=DANA, approve=True).outcome == "approved"

    assert "who approved it, is no maintainer any more" in go(waiting).error
    assert page(made, "production") == ""
