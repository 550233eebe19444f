"""Change requests as chats see them, and how one ends: once, with its time, an audit row and the card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.db import transaction
from django.utils import timezone

from clawsite.core import audit
from runbooks.books.asking import name_of
from runbooks.models import ChangeRequest
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import put_card

CARD = "change"
SHOWN_FILES = 20
State = ChangeRequest.State
UNDECIDED = (State.OPEN, State.APPROVED)


def show_change(change: ChangeRequest, *, by: str = "", ring: Literal["", "new", "move"] = "") -> None:
    """Show a change, as it stands, where it was asked for and to those who watch its project."""
    data = describe(change) | {"by": by}
    for session in sessions_of(change.project, change.session_id):
        put_card(f"{CARD}:{change.pk}:{session}", session_id=session, kind=CARD, data=data, ring=ring)


def describe(change: ChangeRequest) -> dict[str, Any]:
    """Return a change as JSON."""
    return {
        "number": change.pk,
        "project": change.project.name,
        "key": change.project.key,
        "title": change.title,
        "line": change.line,
        "requested": change.requested_name,
        "state": str(change.state),
        "branch": change.branch,
        "commit": change.commit[:12],
        "merged": change.merged[:12],
        "files": change.files[:SHOWN_FILES],
        "count": len(change.files),
        "conflicts": change.conflicts[:SHOWN_FILES],
        "waits": change.state == State.OPEN and change.policy["requireApproval"],
        "auto": change.policy["autoMerge"],
    }


def end_change(
    change: ChangeRequest, state: State, *, by: str, merged: str = "", conflicts: Sequence[str] = ()
) -> bool:
    """End a change that is not over; False when it is. What was merged is that, whatever was said meanwhile."""
    values = {"state": state, "merged": merged, "conflicts": list(conflicts), "ended_by": by[:64]}
    with transaction.atomic():
        rows = ChangeRequest.objects.filter(pk=change.pk).exclude(state=State.MERGED)
        if state != State.MERGED:
            rows = rows.filter(state__in=UNDECIDED)
        if not rows.update(ended_at=timezone.now(), **values):
            return False
        change.refresh_from_db()
        audit.record(
            f"change.{state}", actor=by, subject=change.ref, project=change.project.ref, commit=change.commit,
            merged=merged,
        )  # fmt: skip
        show_change(change, by=name_of(by), ring="move")
    return True
