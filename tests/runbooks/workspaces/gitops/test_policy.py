"""A document for /deploy: production asks for an approval because the repository says so."""

from __future__ import annotations

import pytest

from guardrails.approvals import decide
from guardrails.models import Approval
from runbooks.models import Deploy, Job
from tests.runbooks.people import ALICE, BOB
from tests.runbooks.workspaces.deploying import back, change, deploy, go, shop
from tests.runbooks.workspaces.gitops.papers import DEPLOY

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_deploy_asks_where_the_document_says_so() -> None:
    made = shop(environments={"staging": {}, "production": {}})
    made.members.create(subject=ALICE.subject, role="maintainer")
    change(made, {".claw/commands/deploy.yaml": DEPLOY})
    assert deploy(made, "staging").state == "succeeded"

    job = deploy(made, "production")
    assert job.state == "waiting_approval"
    approval = Approval.objects.get(state="waiting")
    assert decide(approval.key, actor=BOB, approve=True).outcome == "not_allowed"
    assert decide(approval.key, actor=ALICE, approve=True).outcome == "approved"
    assert go(Job.objects.get(pk=job.pk)).state == "succeeded"
    assert Deploy.objects.get(job=job).approved_by == ALICE.subject


def test_what_it_says_counts_for_a_rollback_while_claw_yaml_is_broken() -> None:
    made = shop(environments={"production": {}})
    made.members.create(subject=ALICE.subject, role="developer")
    deploy(made, "production")
    change(made, {"index.html": "two\n"})
    deploy(made, "production")
    change(made, {".claw/commands/deploy.yaml": DEPLOY, "claw.yaml": "name: [\n"})

    assert back(made, "production", actor=ALICE).error == "In shop this needs the role maintainer."
    assert back(made, "production", actor=BOB).error == ""
