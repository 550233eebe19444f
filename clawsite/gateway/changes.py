"""What happened in one session since somebody last looked: one piece of database work, however many follow it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from clawsite.gateway.rows import describe_session
from clawsite.gateway.runs import Run, find_open, read_runs, replies_of
from sessions_app.models import Message, Session

PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """New messages, oldest first, every run that they or what was open before belong to, and the answers of those
    that have ended.
    """

    session: Session
    messages: tuple[Message, ...]
    runs: dict[int, Run]
    answers: dict[int, list[Message]]
    row: dict[str, Any]
    more: bool


def read_changes(session_id: int, *, after: int, tracked: Collection[int], told: Collection[int]) -> Changes | None:
    """Return what is new after message `after`; None when the session is gone. `told` runs were seen to end before."""
    session = Session.objects.select_related("channel").filter(pk=session_id).first()
    if session is None:
        return None
    runs = read_runs({*tracked, *find_open(session)})
    messages = list(session.messages.filter(seq__gt=after).order_by("seq")[: PAGE + 1])
    unknown = {message.data.get("run") for message in messages} - runs.keys() - {None}
    runs |= read_runs(unknown)
    return Changes(
        session=session,
        messages=tuple(messages[:PAGE]),
        runs=runs,
        answers={pk: replies_of(run) for pk, run in runs.items() if run.has_ended and pk not in told},
        row=describe_session(session, owner="", previews=True),
        more=len(messages) > PAGE,
    )


def read_cursors() -> dict[int, int]:
    """Return how far each session has come."""
    return dict(Session.objects.values_list("pk", "last_seq"))


def read_moved(session_ids: Collection[int]) -> dict[int, int]:
    """Return how far some sessions have come; those that are gone are missing."""
    return dict(Session.objects.filter(pk__in=list(session_ids)).values_list("pk", "last_seq"))
