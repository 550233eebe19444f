"""What happened in one session since somebody last looked: one piece of database work, however many follow it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from clawsite.gateway.rows import describe_session
from clawsite.gateway.runs import Run, find_open, read_runs, replies_of
from sessions_app.models import Message, Session

PAGE = 200
# Of how many sessions it is kept how far they had come; of others it is found when something happens in them.
MOST_KEPT = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """New messages, oldest first, every run that they or what was open before belong to, and the answers of those
    that have ended. `after` is the message that they follow.
    """

    session: Session
    after: int
    messages: tuple[Message, ...]
    runs: dict[int, Run]
    answers: dict[int, list[Message]]
    row: dict[str, Any]
    more: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How far all sessions had come at one moment: `seqs` of those that were active last, and the newest message."""

    seqs: dict[int, int]
    newest: int


def read_changes(
    session_id: int, *, after: int | Standing, tracked: Collection[int], told: Collection[int]
) -> Changes | None:
    """Return what is new after a message or moment; None when the session is gone.

    `told` runs were seen to end before.
    """
    session = Session.objects.select_related("channel").filter(pk=session_id).first()
    if session is None:
        return None
    after = after if isinstance(after, int) else _find_last(session, after.newest)
    runs = read_runs({*tracked, *find_open(session)})
    messages = list(session.messages.filter(seq__gt=after).order_by("seq")[: PAGE + 1])
    unknown = {message.data.get("run") for message in messages} - runs.keys() - {None}
    runs |= read_runs(unknown)
    return Changes(
        session=session,
        after=after,
        messages=tuple(messages[:PAGE]),
        runs=runs,
        answers={pk: replies_of(run) for pk, run in runs.items() if run.has_ended and pk not in told},
        row=describe_session(session, owner="", previews=True),
        more=len(messages) > PAGE,
    )


def _find_last(session: Session, newest: int) -> int:
    """Return the last message of a session that was there when `newest` was the newest of all."""
    before = session.messages.filter(pk__lte=newest).order_by("-seq")
    return before.values_list("seq", flat=True).first() or 0


def read_standing() -> Standing:
    """Return how far all sessions have come."""
    newest = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    active = Session.objects.order_by("-active_at").values_list("pk", "last_seq")
    return Standing(seqs=dict(active[:MOST_KEPT]), newest=newest)


def read_moved(session_ids: Collection[int]) -> dict[int, int]:
    """Return how far some sessions have come; those that are gone are missing."""
    return dict(Session.objects.filter(pk__in=list(session_ids)).values_list("pk", "last_seq"))
