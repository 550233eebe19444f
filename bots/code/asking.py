"""What a /code asks a person for: a command that nobody allowed, a change after something suspicious was read, an undo.

Invariant: a request is bound to the hash of exactly what would happen, is made in the transaction that parks the job,
and is taken back with the job's end. Only the people of the project may decide it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bots.agent.types import PendingCall
from bots.code.board import short
from clawsite.core import audit
from guardrails import approvals
from guardrails.models import Approval
from guardrails.types import Role
from runbooks.books.asking import names_of, show_request
from runbooks.jobs import resume_job
from runbooks.models import Job, Project, ProjectMember
from runbooks.workspaces.access import maintainers_of

KIND = "code"
SECONDS = 600.0
ABOUT_CHARS = 300


def ask_calls(job: Job, project: Project, pending: Sequence[PendingCall], *, again: int) -> None:
    """Ask for each of these calls. `again` counts how often the job has asked."""
    for number, call in enumerate(pending, start=1):
        data = {"call": call.call_id, "number": number, "count": len(pending)}
        ask(job, project, digest=call.arguments_hash, summary=call.summary, again=again, **data)


def ask(job: Job, project: Project, *, digest: str, summary: str, again: int = 0, **data: Any) -> Approval:
    """Ask the people of the project for one decision."""
    approval = approvals.create_approval(
        KIND,
        subject_hash=digest,
        summary=summary,
        requested_by=job.owner,
        allowed=_deciders(job, project),
        role=Role.ADMIN,
        session_ref=f"session:{job.session_id}" if job.session_id else "",
        data={"job": job.pk, "again": again, "card": True, **data},
        seconds=SECONDS,
    )
    audit.record(
        "code.asked",
        actor=job.owner,
        subject=project.ref,
        job=job.key,
        key=approval.key,
        about=short(summary, ABOUT_CHARS),
    )
    show_request(approval, session_id=job.session_id)
    return approval


def _deciders(job: Job, project: Project) -> set[str]:
    """Return all subjects by which the people act who may change the project, as far as they are named in it."""
    members = project.members.exclude(role=ProjectMember.Role.VIEWER).values_list("subject", flat=True)
    people = {job.owner, *maintainers_of(project), *members}
    return set().union(*map(names_of, people))


def read_decisions(job: Job, *, again: int) -> Mapping[str, bool]:
    """Return what was decided about each call of the last asking."""
    return {row.data["call"]: row.state == Approval.State.APPROVED for row in _asked(job, again) if "call" in row.data}


def is_agreed(job: Job, digest: str) -> bool | None:
    """Return what was decided about the one thing a job asked for; None while it has not asked for just this."""
    found = [row for row in _asked(job, 0) if row.subject_hash == digest]
    return found[-1].state == Approval.State.APPROVED if found else None


def take_up(approval: Approval) -> None:
    """Have the job go on once nothing waits any more. Called in the transaction that decided."""
    # Locked, so that of two decisions at one moment the later one sees the other.
    job = Job.objects.select_for_update().filter(pk=approval.data.get("job")).first()
    if job is None:
        return
    show_request(approval, session_id=job.session_id)
    if not any(row.state == Approval.State.WAITING for row in _asked(job, approval.data["again"])):
        resume_job(job.pk, note={"approval": approval.state, "by": approval.decided_by})


def withdraw(job: Job) -> None:
    """Take back what a job that is over still asks for. Part of the caller's transaction."""
    rows = Approval.objects.filter(kind=KIND, data__job=job.pk, state=Approval.State.WAITING)
    waiting = list(rows.order_by("expires_at"))  # by the index of what waits, not through all there ever were
    approvals.withdraw(KIND, actor="system", job=job.pk)
    for approval in waiting:
        approval.refresh_from_db()
        show_request(approval, session_id=job.session_id)


def _asked(job: Job, again: int) -> Iterable[Approval]:
    return Approval.objects.filter(kind=KIND, data__job=job.pk, data__again=again).order_by("pk")
