"""What is to be seen when a /code has ended, however it ended: its card comes to rest, and a new message rings.

Invariant: a row is open exactly as long as its job is not over, and nothing of a job that is over waits for anybody.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from bots.agent.state import load_progress
from bots.code import asking, tree
from bots.code.board import card_key, short, show
from clawsite.core import audit
from clawsite.core.queue import enqueue
from runbooks.models import CodeRun, Job
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import Ring, put_card
from sessions_app.models import Card

REMOVE = "bots.code.ending.remove_tree"
FILES, PATH_CHARS = 60, 160
REQUEST_CHARS, TEXT_CHARS = 300, 3000
Outcome = CodeRun.Outcome


def end_code(job: Job) -> None:
    """Close the row of a job, however that ended. In the transaction that ends it; safe to repeat."""
    run = CodeRun.objects.select_related("project", "job", "session").filter(job_id=job.pk).first()
    if run is None:
        return
    run.job = job
    asking.withdraw(job)
    if run.outcome == Outcome.OPEN:
        _close(run)
        enqueue(REMOVE, run.pk)
    _rest(run)
    show_end(run)
    audit.record(
        "code.end",
        actor=run.requested_by,
        subject=f"project:{run.project.key}",
        run=run.pk,
        job=job.key,
        state=str(job.state),
        outcome=str(run.outcome),
        reason=str(run.reason),
        commit=run.merged or run.head,
    )


def _close(run: CodeRun) -> None:
    """Write down what a job left that could not do it itself: commits on its branch, and what they cost."""
    changed = bool(run.head) and run.head != run.base
    run.outcome = Outcome.KEPT if changed else Outcome.NOTHING
    run.reason = CodeRun.Reason.UNFINISHED if changed else CodeRun.Reason.NONE
    spent = Decimal(str(round(load_progress(run.agent).usage.cost_usd, 6)))
    run.cost_usd, run.spent_at = max(run.cost_usd, spent), timezone.now()
    run.save(update_fields=["outcome", "reason", "cost_usd", "spent_at"])


def _rest(run: CodeRun) -> None:
    """Leave the card as it was, without anything that could be pressed."""
    card = Card.objects.filter(key=card_key(run)).first()
    kept = {name: card.data[name] for name in ("log", "step", "seconds", "usd")} if card else {}
    show(run, "over", **kept)


def show_end(run: CodeRun, *, ring: Ring = "") -> None:
    """Say what came of a /code. The first time it is a new message, which rings."""
    data = describe(run)
    data |= {
        "request": short(run.request, REQUEST_CHARS),
        "summary": data["summary"][:TEXT_CHARS],
        "files": [[short(row[0], PATH_CHARS), row[1], row[2]] for row in run.files[:FILES]],
    }
    with transaction.atomic():
        for session_id in _chats(run):
            mine = session_id == run.session_id
            key = f"{card_key(run)}:end" if mine else f"{card_key(run)}:end:{session_id}"
            put_card(key, session_id=session_id, kind="code-end", data=data, ring=ring if mine else "", silent=not mine)


def _chats(run: CodeRun) -> list[int]:
    """Return where the end is told: in the run's own chat, and where the project is watched once it was merged."""
    own = [run.session_id] if run.session_id is not None else []
    return sessions_of(run.project, *own) if run.merged else own


def remove_tree(run_id: int) -> None:
    """Remove the files that a job left, and say what is on its branch; a task of the queue, because git is outside of
    transactions."""
    run = CodeRun.objects.select_related("project", "job").filter(pk=run_id).first()
    if run is None or not run.job.is_over:
        return
    tree.remove(run)
    if run.outcome == Outcome.KEPT and tree.look_again(run):
        show_end(run)


def say_error(job: Job) -> None:
    """Tell in the chat why a job that was to do something small failed. In the transaction that ends it."""
    if job.session_id is not None and job.error:
        put_card(f"code:{job.key}:error", session_id=job.session_id, kind="code-note", data={"text": job.error})


def describe(run: CodeRun) -> dict[str, Any]:
    """Return a /code as data, for its card, the wire and pages."""
    return {
        "run": run.pk,
        "job": run.job.key,
        "project": run.project.name,
        "request": run.request,
        "by": run.requested_name or run.requested_by,
        "state": str(run.job.state),
        "outcome": str(run.outcome),
        "reason": str(run.reason),
        "summary": run.summary,
        "notice": run.notice,
        "error": run.job.error,
        "files": run.files,
        "conflicts": run.conflicts,
        "tests": run.tests,
        "steps": run.steps,
        "usd": float(run.cost_usd),
        "seconds": round(float(run.job.saved.get("seconds", 0.0))),
        "merged": run.merged,
        "head": run.head,
    }
