"""Runbook runs in the timelines of incidents.

A run belongs to the incident of the alerts it was started for; without such, to the open ones of its chat.
"""

from __future__ import annotations

from django.db.models import Q

from guardrails.types import Actor, Role
from runbooks.incidents.notes import add_event, lock
from runbooks.models import Incident, Job, Run

STARTED, DONE, FAILED, CANCELLED = "run", "run_done", "run_failed", "run_cancelled"
_ENDS = {Job.State.SUCCEEDED: DONE, Job.State.CANCELLED: CANCELLED}


def tell_run_started(run: Run) -> None:
    """Note a new run. In the transaction that made it."""
    _tell(run, STARTED, run.title)


def tell_run_ended(run: Run, job: Job) -> None:
    """Note how a run ended, and why when it failed. In the transaction that ended it."""
    kind = _ENDS.get(Job.State(job.state), FAILED)
    _tell(run, kind, f"{run.title}: {job.error}" if kind == FAILED and job.error else run.title)


def _tell(run: Run, kind: str, text: str) -> None:
    if run.dry_run:
        return
    actor = Actor(subject=run.requested_by, role=Role.OPERATOR, name=run.requested_name)
    for incident_id in _incidents_of(run):
        incident = lock(incident_id)
        if incident is not None:
            add_event(incident, kind, text, actor=actor, ref=run.ref)


def _incidents_of(run: Run) -> list[int]:
    """Return the open incidents that a run is about, in the order in which everybody locks them."""
    about = Q(alert_groups=run.group_id) if run.group_id else Q(sessions=run.session_id) if run.session_id else None
    if about is None:
        return []
    return list(Incident.objects.open().filter(about).order_by("pk").values_list("pk", flat=True).distinct())
