"""Giving an opinion on a job, and reading those of others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clawsite.core import audit
from guardrails.redact import redact
from guardrails.types import Actor
from runbooks.models import Feedback, Job

REASON_CHARS = 1000


def give_feedback(job: Job, *, actor: Actor, good: bool, reason: str = "", origin: str = "") -> Feedback:
    """Keep what a person thinks of a job; a later opinion of theirs takes the place of the earlier one.

    A thumb alone leaves the reason as it was when it says the same. The caller has checked that they may see the job.
    """
    with transaction.atomic():
        row = Feedback.objects.select_for_update().filter(job=job, subject=actor.subject).first()
        kept = row.reason if row is not None and row.good == good else ""
        values = {
            "name": actor.name[:200], "good": good, "at": timezone.now(),
            "reason": redact(" ".join(reason.split()))[:REASON_CHARS] or kept,
        }  # fmt: skip
        row, _made = Feedback.objects.update_or_create(job=job, subject=actor.subject, defaults=values)
        audit.record("feedback.give", actor=actor.subject, subject=job.ref, origin=origin, good=good)
    return row


def forget_people(subjects: Sequence[str]) -> int:
    """Remove the opinions of people who go for good; return how many there were."""
    return Feedback.objects.filter(subject__in=list(subjects)).delete()[0]


def list_feedback(
    *, since: datetime | None = None, owner: str | None = None, kind: str = "", limit: int = 100
) -> QuerySet[Feedback]:
    """Return opinions with their jobs, newest first; with an owner only those on their jobs."""
    rows = Feedback.objects.select_related("job").order_by("-pk")
    if since is not None:
        rows = rows.filter(at__gte=since)
    if owner is not None:
        rows = rows.filter(job__owner=owner)
    if kind:
        rows = rows.filter(job__kind=kind)
    return rows[:limit]
