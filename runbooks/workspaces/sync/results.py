"""What became of an exchange: in the remote's row, and for the people of the project where it matters to them.

They hear of what only they can mend, of an outage that lasts, and of the end of what they heard of; of nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from runbooks.models import Project, Remote
from runbooks.workspaces.sync.exchange import Standing
from runbooks.workspaces.sync.failures import Failure
from runbooks.workspaces.sync.hosts import ask_for_host
from runbooks.workspaces.sync.queue import FOR_PEOPLE, next_try
from runbooks.workspaces.watchers import sessions_of
from sessions_app.cards import put_card

CARD = "sync"
# An outage that is shorter is nobody's business.
LONG = timedelta(minutes=10)


def note_push(remote: Remote, sha: str, *, due: datetime | None) -> None:
    """Write down that a commit is at the remote. `due` is what was due when the push began."""
    with transaction.atomic():
        row = Remote.objects.select_for_update().get(pk=remote.pk)
        recovered = row.told
        row.state, row.error, row.tries, row.failing_since, row.told = Remote.State.OK, "", 0, None, False
        row.pushed_sha, row.pushed_at, row.ahead, row.behind = sha, timezone.now(), 0, 0
        row.due_at = None if row.due_at == due else row.due_at
        row.save()
        if recovered:
            tell(row, "recovered")


def note_failure(remote: Remote, failure: Failure, standing: Standing) -> None:
    """Write down that it failed, when it is tried again, and tell people if it is for them."""
    with transaction.atomic():
        row = Remote.objects.select_for_update().get(pk=remote.pk)
        now = timezone.now()
        changed = row.state != failure.problem
        row.state, row.error, row.tries = failure.problem, failure.text, row.tries + 1
        row.failing_since = row.failing_since or now
        row.ahead, row.behind = standing.ahead, standing.behind
        row.due_at = now + next_try(failure.problem, row.tries)
        for_people = failure.problem in FOR_PEOPLE
        news = (for_people and (changed or not row.told)) or (not row.told and now - row.failing_since >= LONG)
        row.told = row.told or news
        row.save()
        if failure.problem == "new_host":
            ask_for_host(row)
        elif news:
            tell(row, "trouble")


def tell(
    remote: Remote, what: str, *, paths: Sequence[str] = (), session_id: int | None = None, text: str = ""
) -> None:
    """Show the people of a project how it stands with the remote, as a new message."""
    project = remote.project
    data = describe(project, remote) | {"what": what, "paths": list(paths)[:20], "count": len(paths), "text": text}
    for session in sessions_of(project, session_id):
        put_card(f"{CARD}:{project.key}:{session}", session_id=session, kind=CARD, data=data, ring="new")


def describe(project: Project, remote: Remote) -> dict[str, object]:
    """Return how a project stands to its remote, as JSON; nothing of it is secret."""
    return {
        "project": project.name,
        "key": project.key,
        "url": remote.url,
        "enabled": remote.enabled,
        "state": str(remote.state),
        "error": remote.error,
        "since": remote.failing_since.isoformat() if remote.failing_since else "",
        "next": remote.due_at.isoformat() if remote.due_at else "",
        "pushed": remote.pushed_sha[:8],
        "pushed_at": remote.pushed_at.isoformat() if remote.pushed_at else "",
        "ahead": remote.ahead,
        "behind": remote.behind,
    }
