"""Keeping what the guards said, and forgetting a person on request. Plain allows are neither counted nor kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from django.db import transaction

from clawsite.core.metrics import VERDICTS
from guardrails.models import Approval, VerdictRecord
from guardrails.types import Action, Verdict

DETAIL_CHARS = 200


def record_verdicts(
    verdicts: Iterable[Verdict], *, subject: str = "", session_ref: str = "", trace_id: str = ""
) -> int:
    """Store every verdict that is not an allow, in one insert, and count it; return how many there were."""
    rows = [
        VerdictRecord(
            stage=verdict.stage,
            rule=verdict.rule[:64],
            action=verdict.action,
            score=verdict.score,
            detail=verdict.detail[:DETAIL_CHARS],
            subject=subject[:64],
            session_ref=session_ref[:64],
            trace_id=trace_id[:32],
        )
        for verdict in verdicts
        if verdict.action is not Action.ALLOW
    ]
    if rows:
        VerdictRecord.objects.bulk_create(rows)
        transaction.on_commit(partial(_count, rows), robust=True)
    return len(rows)


def _count(rows: Sequence[VerdictRecord]) -> None:
    for row in rows:
        VERDICTS.labels(row.stage, row.rule, row.action).inc()


def purge(subject: str) -> int:
    """Remove what is kept about a person (such as `contact:7`): verdicts and decided requests. Returns how many rows.

    A request that still waits stays, because something is parked on it; it ends by itself when it expires.
    """
    with transaction.atomic():
        verdicts, _ = VerdictRecord.objects.filter(subject=subject).delete()
        decided = Approval.objects.filter(requested_by=subject).exclude(state=Approval.State.WAITING)
        approvals, _ = decided.delete()
    return verdicts + approvals


def purge_session(session_ref: str) -> int:
    """Remove what is kept about a conversation (such as `session:7`): verdicts and decided requests. Returns how many.

    A request that still waits stays, as in `purge`.
    """
    if not session_ref:
        return 0
    with transaction.atomic():
        verdicts, _ = VerdictRecord.objects.filter(session_ref=session_ref).delete()
        decided = Approval.objects.filter(session_ref=session_ref).exclude(state=Approval.State.WAITING)
        approvals, _ = decided.delete()
    return verdicts + approvals
