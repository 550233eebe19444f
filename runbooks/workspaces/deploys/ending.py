"""What becomes of a deploy when its job ends, however it ends: in the transaction that ends the job.

Invariant: what the rows call live is what `current` leads to, or a job that brings it back is on its way.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from clawsite.core import audit
from runbooks.books.ending import close_run
from runbooks.models import Deploy, Environment, Job, Run
from runbooks.workspaces.deploys.queueing import OPEN, wake_next
from runbooks.workspaces.deploys.showing import show_end
from runbooks.workspaces.deploys.starting import start_way_back


def end_deploy(job: Job) -> None:
    """Settle the rows, wake who waits, go back if it ended in the middle, and show the end. Safe to repeat."""
    deploy = Deploy.objects.select_related("project", "environment", "job").filter(job_id=job.pk).first()
    run = Run.objects.filter(job_id=job.pk).first()
    if run is not None:
        close_run(run)
    if deploy is not None and deploy.state in OPEN:
        _settle(deploy, job, run)
        wake_next(deploy.environment_id)
    show_end(job, deploy=deploy, run=run)


def _settle(deploy: Deploy, job: Job, run: Run | None) -> None:
    Environment.objects.select_for_update().get(pk=deploy.environment_id)
    deploy.finished_at = job.ended_at or timezone.now()
    deploy.seconds = (deploy.finished_at - (deploy.started_at or deploy.created_at)).total_seconds()
    deploy.state = _state(job, run)
    if deploy.state == Deploy.State.LIVE:
        _replace(deploy)
    deploy.save(update_fields=["state", "finished_at", "seconds"])
    audit.record(
        "deploy.end", actor=deploy.requested_by, subject=deploy.environment.ref, job=job.key, commit=deploy.commit,
        state=str(deploy.state), error=job.error,
    )  # fmt: skip
    if _is_half_done(job, run):
        start_way_back(deploy)


def _replace(deploy: Deploy) -> None:
    """What was live is not any more; after a rollback it does not count as having been good."""
    back = deploy.kind == Deploy.Kind.ROLLBACK
    state = Deploy.State.WITHDRAWN if back else Deploy.State.REPLACED
    rows = Deploy.objects.filter(environment_id=deploy.environment_id, state=Deploy.State.LIVE)
    same = rows.filter(commit=deploy.commit)
    same.update(state=Deploy.State.REPLACED)
    rows.update(state=state)


def _state(job: Job, run: Run | None) -> Deploy.State:
    if job.state == Job.State.SUCCEEDED:
        return Deploy.State.LIVE
    if run is not None and _undo_of(job, run) == "ok":
        return Deploy.State.ROLLED_BACK
    return Deploy.State.CANCELLED if job.state == Job.State.CANCELLED else Deploy.State.FAILED


def _is_half_done(job: Job, run: Run | None) -> bool:
    """Tell whether it ended between the switch and the way back; one that was tried and failed is not tried again."""
    if job.state == Job.State.SUCCEEDED or run is None:
        return False
    at = _switch_of(run)
    rows = (job.saved.get("progress") or {}).get("do") or []
    return at < len(rows) and bool(rows[at]["state"]) and _undo_of(job, run) in ("", "started")


def _undo_of(job: Job, run: Run) -> str:
    rows: list[dict[str, Any]] = (job.saved.get("progress") or {}).get("undo") or []
    at = _switch_of(run)
    return str(rows[at]["state"]) if at < len(rows) else ""


def _switch_of(run: Run) -> int:
    return next((number for number, step in enumerate(run.plan) if step["kind"] == "deploy_switch"), len(run.plan))
