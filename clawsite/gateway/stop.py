"""Stopping runs of a session: those that work, those that wait for a decision, and those that wait their turn."""

from __future__ import annotations

from django.db import transaction

from bots.decisions import close_parked
from clawsite.core.nudge import nudge_on_commit
from clawsite.gateway.runs import STOPPED, WAITING, Run, find_open, read_runs
from sessions_app.inbox import finish_row
from sessions_app.models import Inbox, Session, Turn


def stop_runs(session: Session, *, actor: str, only: int | None = None) -> list[Run]:
    """Stop the open runs of a session, or one of them; return those that were told to stop."""
    with transaction.atomic():
        wanted = [pk for pk in find_open(session) if only in (None, pk)]
        stopped = [run for run in read_runs(wanted).values() if _stop(run, actor=actor)]
        nudge_on_commit("session", session=session.pk)
    return stopped


def _stop(run: Run, *, actor: str) -> bool:
    """Stop one run. Who is about to begin it holds its row, so it is either seen to have begun or never begins."""
    row = Inbox.objects.select_for_update().filter(pk=run.inbox_id).first()
    if row is None:
        return False
    turn = Turn.objects.filter(inbox_id=run.inbox_id).first()
    if turn is None:
        return finish_row(run.inbox_id, error=STOPPED)
    if run.state == WAITING:
        close_parked(turn, actor=actor)
        return True
    Turn.objects.filter(pk=turn.pk, state=Turn.State.RUNNING).update(cancel_requested=True)
    nudge_on_commit("cancel", turn=turn.pk)
    return turn.state == Turn.State.RUNNING
