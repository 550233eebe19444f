"""What happens with a run when its job ends, however it ends: in the transaction that ends the job.

Invariant: a run is open exactly as long as its job is not over, and its message ends in the state of the job.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction
from django.db.models import QuerySet

from clawsite.core import audit
from clawsite.core.errors import log_unknown
from runbooks.books.asking import withdraw_requests
from runbooks.books.groups import tell_group
from runbooks.books.showing import show_end
from runbooks.incidents.runs import tell_run_ended
from runbooks.jobs.endings import find_end
from runbooks.models import Job, Run
from runbooks.models.job import ENDS

AT_ONCE = 100
RUNBOOK = "runbook"

Then = Callable[[Run, Job], None]


def end_run(job: Job, *, then: Then | None = None) -> None:
    """Let go of the target, take back what is still asked for, and show the end. Safe to repeat.

    `then` is done once, as soon as the target is free: `undoing.roll_back_cancelled`, which starts a run itself.
    """
    run = Run.objects.filter(job_id=job.pk).first()
    if run is None:
        return
    was_open = close_run(run)
    if was_open:
        tell_group(run, job=job)
        tell_run_ended(run, job)
        audit.record(
            "runbook.end", actor=run.requested_by, subject=f"runbook:{run.name}", run=run.pk, job=job.key,
            state=str(job.state), error=job.error,
        )  # fmt: skip
        if then is not None:
            then(run, job)
    show_end(run, job)


def close_run(run: Run) -> bool:
    """Let go of a run's target and take back what it still asks for; False when that was done before."""
    was_open = Run.objects.filter(pk=run.pk, open=True).update(open=False)
    run.open = False
    withdraw_requests(run, actor="system")
    return bool(was_open)


def settle_target(target: str) -> None:
    """Free a target whose run is over, should the end of its job not have been able to."""
    for run in _unsettled().filter(target=target):
        _end(run, None)


def settle_runs(*, then: Then | None = None) -> int:
    """Do the same for all targets, each in its own transaction, with what comes after; return how many there were."""
    settled = 0
    for run in _unsettled()[:AT_ONCE]:
        try:
            with transaction.atomic():
                _end(run, then)
            settled += 1
        except Exception as error:
            log_unknown(error, where="the end of a run")
    return settled


def _end(run: Run, then: Then | None) -> None:
    """End a run as its kind of job does: one of a runbook, or that of other work."""
    if run.job.kind == RUNBOOK:
        end_run(run.job, then=then)
    else:
        find_end(run.job.kind)(run.job)


def _unsettled() -> QuerySet[Run]:
    """Return the open runs whose job is over, from the few that are open: jobs that are over are many."""
    opened = Run.objects.order_by().filter(open=True)
    return Run.objects.select_related("job").filter(pk__in=opened.values("pk"), job__state__in=list(ENDS))
