"""What was done to a project's branch, one row for each change; and who else is told of it.

Invariant: whoever moves the branch records it, and those who registered are called in the transaction of the record.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from guardrails.types import Actor
from runbooks.models import Job, Operation, Project

SUMMARY_CHARS = 300

After = Callable[[Operation], None]

_after: list[After] = []


def after_operation(function: After) -> After:
    """Have a function called with every operation, in the transaction that records it. It must not take long."""
    if function not in _after:
        _after.append(function)
    return function


def record_operation(
    project: Project, *, kind: str, sha: str, before: str = "", job: Job | None = None, actor: Actor, summary: str
) -> Operation:
    """Record that the branch went from one commit to another; the same change of a job is recorded once."""
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        same = Operation.objects.filter(project=project, kind=kind, sha=sha, before=before, job=job)
        known = same.first() if job is not None else None
        if known is not None:
            return known
        made = Operation.objects.create(
            project=project,
            kind=kind,
            sha=sha,
            before=before,
            job=job,
            actor=actor.subject[:64],
            actor_name=actor.name[:200],
            summary=" ".join(summary.split())[:SUMMARY_CHARS],
        )
        for function in _after:
            function(made)
    return made


def last_operations(project: Project, *, limit: int = 20) -> list[Operation]:
    """Return the last changes, newest first."""
    return list(project.operations.select_related("job").order_by("-pk")[:limit])
