"""Rolling a run back that ended before its end: another run, whose steps undo what was done, the last first.

Being a run, it goes on after a crash, holds the target, and is seen like any other. A run is rolled back once.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from clawsite.core.dbtrouble import is_passing
from clawsite.core.errors import BadInput, log_unknown
from guardrails.types import Actor, Role
from runbooks.books.leftover import left_to_undo
from runbooks.books.showing import show_run
from runbooks.books.starting import start_run
from runbooks.models import Job, Run


def roll_back(run: Run, *, actor: Actor, session_id: int | None = None, origin: str = "") -> Run:
    """Undo the finished steps of a run that is over; BadInput when there is nothing to undo, or it was done."""
    if not run.job.is_over:
        raise BadInput(_("Run {run} still goes on.").format(run=run.pk))
    undoing = start_run(
        run.name,
        {},
        actor=actor,
        session_id=session_id if session_id is not None else run.session_id,
        group_id=run.group_id,
        origin=origin,
        undo=run.pk,
    )
    show_run(run, run.job)
    return undoing


def roll_back_cancelled(run: Run, job: Job) -> None:
    """Begin to undo a run that was cancelled, if its runbook wants that. A failure leaves its end as it is."""
    wanted = any(step["on_cancel"] for step in left_to_undo(run, job))
    if job.state != Job.State.CANCELLED or not wanted:
        return
    starter = Actor(subject=run.requested_by, role=Role.ADMIN, name=run.requested_name)  # who might start might undo
    try:
        with transaction.atomic():
            start_run(
                run.name, {}, actor=starter, owner=job.owner, session_id=run.session_id, group_id=run.group_id,
                undo=run.pk,
            )  # fmt: skip
    except Exception as error:
        if is_passing(error):
            raise  # the end of the job is tried again
        log_unknown(error, where=f"rolling back run {run.pk}")
