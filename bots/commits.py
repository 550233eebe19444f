"""The transactions of the hot path. Each checks the lane's lease, so that a process that was overtaken commits nothing.

begin  claims the row, counts the attempt, stores the user's message and the turn.
end    finishes a row that needs no model, with whatever is said about it.
close  finishes a turn: the answer, what it cost, and the outbox row that carries it.

`parking` keeps turns that wait for a decision, `setbacks` rows that did not get through.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from bots import texts
from bots.agent.state import load_progress
from bots.agent.types import AgentOutcome
from bots.channels.base import OutboundMessage
from bots.opening import describe_files, load_session, speaking
from bots.outgoing import queue_for, shown_of
from bots.sent_files import keep_files, mention_files
from bots.work import Ending, Work
from clawsite.core.errors import LeaseLost
from clawsite.core.leases import Held, check_lease, release_lease
from clawsite.core.metrics import TURNS
from clawsite.core.nudge import nudge_on_commit
from clawsite.core.sql import fetch
from guardrails.records import record_verdicts
from guardrails.types import Verdict
from sessions_app.inbox import TOO_MANY, Head, claim, finish_row
from sessions_app.models import Attachment, Message, Outbox, Session, Turn
from sessions_app.sessions import add_message
from sessions_app.tokens import learn_ratio

RING_SECONDS = 60.0
# What the schemas of the built-in tools take in a prompt, measured with the estimator.
TOOL_TOKENS = 900

# What may have changed while the model worked.
_WHILE_AWAY = """
SELECT t.cancel_requested, t.preview_ids, s.epoch
FROM sessions_app_turn t JOIN sessions_app_session s ON s.id = t.session_id WHERE t.id = %s
"""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What the transactions must know of their process."""

    process_id: int
    sender_here: Callable[[Work], bool]


def claim_row(head: Head, *, runtime: Runtime) -> Held | None:
    """Claim a row and count the attempt before anything is done with it, for rows that may have killed somebody."""
    with transaction.atomic():
        return claim(head, process_id=runtime.process_id)


def hold_lane(work: Work, *, runtime: Runtime) -> None:
    """Hold the lane for this transaction: take the lease now, or check the one taken before."""
    work.held = take_lane(work.head, work.held, runtime=runtime)


def take_lane(head: Head, held: Held | None, *, runtime: Runtime) -> Held:
    """Return the lane's lease, taken now or checked. LeaseLost when another process has it."""
    if held is not None:
        check_lease(held)
        return held
    taken = claim(head, process_id=runtime.process_id)
    if taken is None:
        raise LeaseLost("Another process works on this lane.")
    return taken


def begin_turn(work: Work, *, user_seq: int, runtime: Runtime) -> Turn:
    """Store the user's message and the turn. LeaseLost when the lane or the session moved since they were read."""
    session = load_session(work)
    with transaction.atomic(savepoint=False):
        hold_lane(work, runtime=runtime)
        turn = work.turn
        if turn is None:
            turn = _first_attempt(work, session, user_seq=user_seq)
        else:
            _next_attempt(turn)
        record_verdicts_of(work)
    work.turn = turn
    return turn


def _first_attempt(work: Work, session: Session, *, user_seq: int) -> Turn:
    message = _remember_user(work, role=Message.Role.USER)
    if message.seq != user_seq:
        raise LeaseLost("The session moved on while the prompt was made.")
    return Turn.objects.create(
        inbox_id=work.head.pk,
        session=session,
        epoch=session.epoch,
        user_seq=user_seq,
        tainted=work.tainted,
        trace_id=work.trace_id,
    )


def _next_attempt(turn: Turn) -> None:
    """Begin a turn again. What a process had spent that died with it stands in the state that it kept."""
    turn.attempt += 1
    turn.state = Turn.State.RUNNING
    spent = load_progress(turn.agent_state).usage
    turn.input_tokens = max(turn.input_tokens, spent.input)
    turn.output_tokens = max(turn.output_tokens, spent.output)
    turn.cached_tokens = max(turn.cached_tokens, spent.cached)
    turn.cost_usd = max(turn.cost_usd, Decimal(str(round(spent.cost_usd, 6))))
    spending = ["input_tokens", "output_tokens", "cached_tokens", "cost_usd"]
    turn.save(update_fields=["attempt", "state", *spending])


def _remember_user(work: Work, *, role: str, refused: bool = False) -> Message:
    """Append what the user wrote, with the files that came along."""
    message = work.message
    session = load_session(work)
    files = describe_files(message)
    marks: dict[str, Any] = {"files": files} if files else {}
    marks |= {"album": work.captions} if work.captions else {}
    marks |= {name: True for name, holds in (("forwarded", message.forwarded), ("refused", refused)) if holds}
    stored = add_message(
        session.pk,
        role=role,
        text=work.text,
        contact_id=work.contact.pk if work.contact else None,
        external_id=message.message_id,
        data={"run": work.run_id} | marks,
    )
    if files:
        Attachment.objects.bulk_create(
            Attachment(
                session=session,
                message_seq=stored.seq,
                kind=file.kind[:10],
                name=file.name[:255],
                mime=file.mime[:100],
                size=file.size,
                ref=file.ref[:300],
            )
            for file in message.files
        )
    nudge_on_commit("session", session=session.pk)
    return stored


def record_verdicts_of(work: Work, *more: Verdict) -> None:
    """Store the verdicts gathered so far, and those of the model's turn, once."""
    verdicts = [*work.verdicts, *more]
    if verdicts:
        ref = work.session.ref if work.session else ""
        record_verdicts(verdicts, subject=work.subject, session_ref=ref, trace_id=work.trace_id)
        # Only a commit makes them old: a transaction that is run again must store them again.
        transaction.on_commit(work.verdicts.clear)


def end_row(work: Work, decide: Callable[[], Ending], *, runtime: Runtime) -> list[Outbox]:
    """Finish a row without the model. `decide` runs inside the transaction, so a command's effect is part of it.

    Returns the rows that were born `sending`, for the caller to send at once.
    """
    with transaction.atomic(savepoint=False), speaking(work):
        hold_lane(work, runtime=runtime)
        ending = decide()
        if ending.remember:
            _remember_user(work, role=Message.Role.COMMAND, refused=ending.is_refusal)
        rows = _say(work, ending.replies, role=Message.Role.NOTICE, runtime=runtime)
        record_verdicts_of(work)
        _close_abandoned(work, outcome=ending.outcome)
        _finish(work, error="" if ending.is_taken else TOO_MANY)
        transaction.on_commit(TURNS.labels(ending.outcome.partition(":")[0]).inc)
    return rows


def _close_abandoned(work: Work, *, outcome: str) -> None:
    """End the turn of an earlier attempt at a row that may not go on, such as of a person who was blocked since."""
    Turn.objects.filter(inbox_id=work.head.pk, state=Turn.State.RUNNING).update(
        state=Turn.State.CANCELLED, outcome=outcome[:64], draft="", agent_state={}, finished_at=timezone.now()
    )


def _finish(work: Work, *, error: str = "") -> None:
    """Mark the row done, with what it merged, and let the lane go."""
    for pk in (work.head.pk, *work.merged):
        finish_row(pk, error=error, trace_id=work.trace_id)
    if work.turn is not None and work.turn.inbox_id != work.head.pk:
        finish_row(work.turn.inbox_id, trace_id=work.trace_id)
    if work.held is not None:
        release_lease(work.held)
    if work.session is not None:
        nudge_on_commit("session", session=work.session.pk)


def _say(
    work: Work,
    replies: Sequence[OutboundMessage],
    *,
    role: str,
    runtime: Runtime,
    extra: Mapping[str, Any] | None = None,
) -> list[Outbox]:
    """Store each reply as a message and queue it; return the rows born `sending`."""
    born = []
    for number, reply in enumerate(replies):
        row = say(
            load_session(work),
            reply,
            role=role,
            dedupe_key=f"in:{work.head.pk}:{number}",
            trace_id=work.trace_id,
            sender_here=runtime.sender_here(work),
            extra={"lang": work.language} | dict(extra or {}),
            run_id=work.run_id,
        )
        if row is not None and row.state == Outbox.State.SENDING:
            born.append(row)
    return born


def say(
    session: Session,
    reply: OutboundMessage,
    *,
    role: str,
    dedupe_key: str,
    trace_id: str = "",
    sender_here: bool = False,
    extra: Mapping[str, Any] | None = None,
    run_id: int | None = None,
) -> Outbox | None:
    """Append a message of the bot to a session and queue it for its channel. In the transaction of its cause.

    run_id: the inbox row that it answers, for whoever follows the run.
    """
    payload = reply.to_json()
    shown = shown_of(payload)
    if run_id is not None:
        shown["run"] = run_id
    if reply.files:
        shown["files"] = mention_files(reply.files)
    message = add_message(session.pk, role=role, text=reply.text, data=shown)
    if reply.files:
        keep_files(session.pk, message.seq, reply.files)
    payload |= {"message": message.pk} | dict(extra or {})
    return queue_for(session, payload, dedupe_key=dedupe_key, trace_id=trace_id, sender_here=sender_here)


def close_turn(work: Work, outcome: AgentOutcome, reply: OutboundMessage, *, runtime: Runtime) -> list[Outbox]:
    """Commit the answer with everything that belongs to it. A stopped or outdated turn says only that."""
    with transaction.atomic(savepoint=False), speaking(work):
        hold_lane(work, runtime=runtime)
        turn = work.the_turn
        ((cancelled, preview, epoch),) = fetch(_WHILE_AWAY, turn.pk)
        turn.preview_ids = json.loads(preview)
        state, replies, role = Turn.State.DONE, [reply], Message.Role.ASSISTANT
        if cancelled or outcome.stop == "cancelled":
            # /stop itself has answered; a streamed beginning stays, marked as such.
            state, role = Turn.State.CANCELLED, Message.Role.NOTICE
            begun = f"{reply.text}\n\n_{texts.stopped()}_" if outcome.text.strip() else texts.stopped()
            was_shown = turn.preview_ids or (outcome.text.strip() and work.is_shown)
            replies = [OutboundMessage(text=begun, notify=False)] if was_shown else []
        elif turn.epoch != epoch:
            state, replies = Turn.State.CANCELLED, []
        elif outcome.stop in ("unavailable", "not_configured"):
            state, role = Turn.State.FAILED, Message.Role.NOTICE
        rows = _say(work, replies, role=role, runtime=runtime, extra=_preview_of(work, turn))
        account_turn(work, turn, outcome, state=state)
        record_verdicts_of(work, *outcome.verdicts)
        _finish(work)
        transaction.on_commit(TURNS.labels(outcome.stop).inc)
    return rows


def _preview_of(work: Work, turn: Turn) -> dict[str, Any]:
    """Tie the answer to the streamed message: edit it, or replace it where nobody looks, because edits do not ring.

    That is after a long turn, and after a decision, whose message stands below what was streamed before it.
    """
    tie: dict[str, Any] = {"turn": turn.pk}
    if turn.preview_ids:
        tie["edit_ids"] = turn.preview_ids
    if work.decisions or time.monotonic() - work.started > RING_SECONDS:
        tie["fresh"] = True
    return tie


def account_turn(work: Work, turn: Turn, outcome: AgentOutcome, *, state: str) -> None:
    """Write down how the turn went and what it cost."""
    usage = outcome.usage
    report = dict(work.composed.report) if work.composed else {}
    Turn.objects.filter(pk=turn.pk).update(
        state=state,
        draft="",
        agent_state={},
        tainted=work.tainted or outcome.tainted,
        report=report,
        stages=work.stages,
        model=outcome.model[:100],
        input_tokens=turn.input_tokens + usage.input,
        output_tokens=turn.output_tokens + usage.output,
        cached_tokens=turn.cached_tokens + usage.cached,
        cost_usd=turn.cost_usd + Decimal(str(usage.cost_usd)),
        outcome=outcome.stop,
        finished_at=timezone.now(),
    )
    _calibrate(work, outcome)


def _calibrate(work: Work, outcome: AgentOutcome) -> None:
    """Learn from the measured size of the first prompt how far the token estimate is off in this session."""
    if not outcome.prompt_tokens or work.composed is None:
        return
    session = work.the_session
    estimated = int(work.composed.report.get("estimated", 0)) + TOOL_TOKENS
    ratio = learn_ratio(session.token_ratio, estimated, outcome.prompt_tokens)
    if abs(ratio - session.token_ratio) > 0.02 * session.token_ratio:
        Session.objects.filter(pk=session.pk).update(token_ratio=ratio)
