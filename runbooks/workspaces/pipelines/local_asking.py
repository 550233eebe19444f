"""Stages that wait for a person: the request, who may decide it, and what becomes of the job then.

Invariant: a request is bound to the hash of the commit and the command that it lets run; whoever goes on compares it.
"""

from __future__ import annotations

import shlex

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clawsite.core.errors import BadInput, NotAllowed
from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Actor, Role
from runbooks.books.asking import names_of, shorten_line, show_request
from runbooks.jobs import resume_job
from runbooks.models import Pipeline
from runbooks.workspaces.access import maintainers_of
from runbooks.workspaces.manifest import Stage
from runbooks.workspaces.pipelines.local_plan import digest_of

KIND = "pipeline"
SECONDS = 24 * 3600.0


def find_request(row: Pipeline, stage: Stage) -> Approval | None:
    """Return the newest request for a stage of this attempt, or None."""
    rows = Approval.objects.filter(kind=KIND, session_ref=_ref(row.job.session_id if row.job is not None else None))
    rows = rows.filter(data__pipeline=row.pk, data__attempt=row.attempt, data__stage=stage.name)
    return rows.order_by("-pk").first()


def ask(row: Pipeline, stage: Stage, *, requested_by: str, session_id: int | None) -> Approval:
    """Ask whether a stage may run: the maintainers, and admins, who alone decide where a project has none.

    Part of the transaction that parks the job.
    """
    allowed = sorted(set().union(*map(names_of, maintainers_of(row.project))))
    command = shorten_line(shlex.join(stage.argv))
    approval = approvals.create_approval(
        KIND,
        subject_hash=digest_of(row, stage),
        summary=f"{row.project.name}, {row.ref} {row.commit[:12]}: {stage.name}\n{command}",
        requested_by=requested_by,
        allowed=allowed,
        role=Role.ADMIN,
        session_ref=_ref(session_id),
        data={"pipeline": row.pk, "attempt": row.attempt, "stage": stage.name, "session": session_id, "card": True},
        seconds=SECONDS,
    )
    show_request(approval, session_id=session_id)
    return approval


def _ref(session_id: int | None) -> str:
    return f"session:{session_id}" if session_id else ""


def take_up(approval: Approval) -> None:
    """Have the pipeline go on after a decision, whichever it was. Called in the transaction that decided."""
    show_request(approval, session_id=approval.data.get("session"))
    row = Pipeline.objects.filter(pk=approval.data.get("pipeline")).first()
    if row is not None and row.job_id is not None:
        resume_job(row.job_id, note={"approval": approval.state, "by": approval.decided_by})


def decide_waiting(row: Pipeline, *, actor: Actor, name: str = "") -> str:
    """Approve what a pipeline waits for; return the stage. NotAllowed for who may not decide it."""
    waiting = _waiting(row).first()
    if waiting is None or (name and name != waiting.data["stage"]):
        raise BadInput(_("Nothing of pipeline {number} waits for this.").format(number=row.pk))
    decision = approvals.decide(waiting.key, actor=actor, approve=True)
    if decision.outcome == "not_allowed":
        raise NotAllowed(_("You may not approve this."))
    if decision.outcome != "approved":
        raise BadInput(_("It was decided already, or too late."))
    return str(waiting.data["stage"])


def withdraw(row: Pipeline) -> None:
    """Take back what a pipeline that is over still asks for."""
    waiting = list(_waiting(row))
    approvals.withdraw(KIND, actor="system", pipeline=row.pk)
    for approval in waiting:
        approval.refresh_from_db()
        show_request(approval, session_id=approval.data.get("session"))


def _waiting(row: Pipeline) -> QuerySet[Approval]:
    """Return what a pipeline asks for, oldest first: by the index of what waits, not through all there ever were."""
    rows = Approval.objects.filter(kind=KIND, data__pipeline=row.pk, state=Approval.State.WAITING)
    return rows.order_by("expires_at", "pk")
