"""The transactions of rows that did not get through: they wait, are handed back, or are given up for all to see."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation

from bots import texts
from bots.agent import budget
from bots.agent.types import AgentOutcome
from bots.channels.base import OutboundMessage
from bots.commits import Runtime, say, take_lane
from bots.decisions import resumes
from bots.opening import load_session
from bots.work import Work
from clawsite.core.errors import log_unknown
from clawsite.core.jitter import jitter
from clawsite.core.leases import Held, check_lease, release_lease
from clawsite.core.nudge import nudge_on_commit
from sessions_app.inbox import MAX_ATTEMPTS, Head, finish_row, postpone_row
from sessions_app.models import Inbox, Message, Session, Turn
from sessions_app.sessions import find_session
from sessions_app.turns import open_turns

BACKOFF_SECONDS = (1, 5, 20, 60)


def fail_row(head: Head, held: Held | None, *, error_id: str, runtime: Runtime, read: Sequence[Work] = ()) -> None:
    """Let a row wait after an error of ours, or give it up and say so. LeaseLost when it is not ours.

    `read` is what could be read of it: the files of an album are given up together.
    """
    with transaction.atomic():
        held = take_lane(head, held, runtime=runtime)
        attempts = Inbox.objects.values_list("attempts", flat=True).get(pk=head.pk)
        if attempts >= MAX_ATTEMPTS:
            for pk in (head.pk, *(other for work in read for other in work.merged)):
                finish_row(pk, state=Inbox.State.DEAD, error=f"error {error_id}")
            _tell_failure(head, read, error_id=error_id)
        else:
            wait = jitter(BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1], spread=0.5)
            postpone_row(head.pk, seconds=wait, error=f"error {error_id}")
        _keep_cost(read)
        release_lease(held)
        nudge_on_commit("inbox")


def wait_for_model(work: Work, outcome: AgentOutcome, *, seconds: float) -> None:
    """Return a row because no model answers now; what the attempts cost is kept."""
    with transaction.atomic():
        budget.add_to_turn(work.the_turn.pk, outcome.usage)
        hand_back(work.head, work.held, seconds=seconds, error="model unavailable")


def hand_back(
    head: Head, held: Held | None, *, seconds: float = 0.0, error: str = "", read: Sequence[Work] = ()
) -> None:
    """Return a row as if it had not been tried: the process stops, or the model asks us to come back later.

    `read` is what could be read of it: what its model calls cost is kept.
    """
    with transaction.atomic():
        if held is not None:
            check_lease(held)
            postpone_row(head.pk, seconds=seconds, error=error, uncount=True)
            _keep_cost(read)
            release_lease(held)
            nudge_on_commit("inbox")


def _keep_cost(read: Sequence[Work]) -> None:
    """Count what an attempt has cost that came to no end: it is billed like any other."""
    for work in read:
        if work.turn is not None:
            budget.add_to_turn(work.turn.pk, work.spent)


def put_off(head: Head, held: Held | None, *, seconds: float, error: str, runtime: Runtime) -> None:
    """Let a row wait that nobody can work on yet, and with it what comes after it; it counts as not tried."""
    with transaction.atomic():
        hand_back(head, take_lane(head, held, runtime=runtime), seconds=seconds, error=error)


def _tell_failure(head: Head, read: Sequence[Work], *, error_id: str) -> None:
    """Tell the user that a row was given up, where the session is known. The row is not looked into again.

    Who was let in and wrote for the first time has a session from then on: the one that was begun is undone.

    In the transaction that gives it up, so that no crash comes between; what cannot be told does not undo that.
    """
    place = head.lane.partition("/")[2].partition("#")[0]
    chat_id, _, thread_id = place.rpartition("/")
    try:
        with transaction.atomic():
            session = find_session(head.channel_id, chat_id=chat_id, thread_id=thread_id)
            begun = next((work for work in read if work.session is not None), None)
            if session is None and begun is not None:
                session = _find_or_make(begun)
            if session is not None:
                language = begun.language if begun is not None else ""
                _say_failure(head, session, error_id=error_id, language=language)
    except Exception as error:
        log_unknown(error, where=f"telling that inbox row {head.pk} was given up")


def _find_or_make(work: Work) -> Session:
    """Return the session that a work had, which may have moved or be undone."""
    work.session = Session.objects.filter(pk=work.the_session.pk).first()
    return load_session(work)


def _say_failure(head: Head, session: Session, *, error_id: str, language: str) -> None:
    """End the row's turn and queue the notice, in place of what was streamed."""
    inbox_id = resumes(head.pk) or head.pk
    turn = open_turns().filter(inbox_id=inbox_id).first()
    shown = tuple(turn.preview_ids) if turn is not None else ()
    open_turns().filter(inbox_id=inbox_id).update(
        state=Turn.State.FAILED, outcome=f"error:{error_id}", finished_at=timezone.now()
    )
    finish_row(inbox_id, state=Inbox.State.DEAD, error=f"error {error_id}")  # if it was parked
    with translation.override(session.language or language or settings.LANGUAGE_CODE):
        reply = OutboundMessage(text=texts.failed(error_id), edit_ids=shown)
        extra = {"fresh": True} if shown else {}
        say(session, reply, role=Message.Role.NOTICE, dedupe_key=f"dead:{head.pk}", run_id=head.pk, extra=extra)


def end_silently(head: Head, held: Held | None, *, state: str, error: str, runtime: Runtime) -> None:
    """Finish a row that says nothing to us, and keep why."""
    with transaction.atomic():
        held = take_lane(head, held, runtime=runtime)
        finish_row(head.pk, state=state, error=error)
        release_lease(held)


def let_go(held: Held) -> None:
    """Release a lane whose row stays as it is."""
    release_lease(held)
