"""Runs: one message that was given to the pipeline, from its row to its answer.

A run is derived from rows (inbox, turn, messages), so its state survives the restart of any process. Its id is the
idempotency key of the request that began it; runs of other channels are called `inbox:<number>`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bots.channels.gateway.updates import external_id_of
from clawsite.core.errors import NotAllowed
from clawsite.gateway.principal import Principal
from sessions_app.channels import GATEWAY, channels_of
from sessions_app.inbox import TOO_MANY
from sessions_app.models import Inbox, Message, Outbox, Session, Turn
from sessions_app.turns import open_turns

QUEUED, RUNNING, WAITING, OK, ERROR, ABORTED = "queued", "running", "waiting", "ok", "error", "aborted"
ENDED = frozenset({OK, ERROR, ABORTED})
STOPPED = "stopped before it began"
# What became of a row that ended without a turn, by what is written on it.
_WITHOUT_TURN = {STOPPED: ABORTED, TOO_MANY: ERROR}
BOT = (Message.Role.ASSISTANT, Message.Role.NOTICE)
# An answer's messages follow the message that they answer closely.
_NEAR = 50
_FOREIGN = "inbox:"
_FIELDS = (
    "pk", "channel_id", "channel__kind", "external_id", "lane", "state", "error", "received_at", "done_at",
    "turn__pk", "turn__session_id", "turn__state", "turn__outcome", "turn__user_seq", "turn__started_at",
    "turn__finished_at",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run as its rows are now. `session_id` is None while no turn has begun."""

    run_id: str
    inbox_id: int
    channel_id: int
    lane: str
    state: str
    error: str = ""
    turn_id: int | None = None
    session_id: int | None = None
    user_seq: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    received_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ENDED

    @property
    def place(self) -> tuple[int, str, str]:
        """The channel, chat and thread it belongs to."""
        chat, _, thread = self.lane.partition("/")[2].partition("#")[0].rpartition("/")
        return self.channel_id, chat, thread


def read_runs(inbox_ids: Collection[int]) -> dict[int, Run]:
    """Return runs by their inbox rows."""
    if not inbox_ids:
        return {}
    rows = Inbox.objects.filter(pk__in=list(inbox_ids)).values(*_FIELDS)
    return {row["pk"]: _to_run(row) for row in rows}


def read_run(inbox_id: int) -> Run | None:
    """Return one run, None when its row is gone."""
    return read_runs([inbox_id]).get(inbox_id)


def find_row(channel_id: int, owner: str, run_id: str) -> int | None:
    """Return the inbox row of an owner's run, or None."""
    rows = Inbox.objects.filter(channel_id=channel_id, external_id=external_id_of(owner, run_id))
    return rows.values_list("pk", flat=True).first()


def access_run(principal: Principal, run_id: str) -> Run:
    """Return a run of the principal's own, or of anybody for who sees all; NotAllowed otherwise."""
    rows = Inbox.objects.filter(channel__in=channels_of(GATEWAY), external_id=external_id_of(principal.owner, run_id))
    pk = rows.values_list("pk", flat=True).first()
    number = run_id.removeprefix(_FOREIGN)
    if pk is None and principal.sees_all and run_id.startswith(_FOREIGN) and number.isdecimal():
        pk = int(number[:18])
    run = read_run(pk) if pk is not None else None
    if run is None:
        raise NotAllowed(f"There is no run {run_id[:80]!r}, or it is not yours.")
    return run


def find_open(session: Session) -> list[int]:
    """Return the inbox rows of a session whose runs have not ended, oldest first."""
    lane = f"{session.channel_id}/{session.chat_id}/{session.thread_id}"
    turns = open_turns().filter(session=session)
    waiting = Inbox.objects.filter(state=Inbox.State.NEW, lane__in=[lane, f"{lane}#control"])
    ours = waiting.exclude(external_id__startswith="approval:")
    return sorted({*turns.values_list("inbox_id", flat=True), *ours.values_list("pk", flat=True)})


def replies_of(run: Run) -> list[Message]:
    """Return the bot's messages that answer a run, in order."""
    rows = _after_question(run)
    found = [row for row in rows if row.role in BOT and row.data.get("run") == run.inbox_id]
    return found or _by_outbox(run)


def _after_question(run: Run) -> Sequence[Message]:
    if run.session_id is None or run.user_seq is None:
        return ()
    rows = Message.objects.filter(session_id=run.session_id, seq__gt=run.user_seq, seq__lte=run.user_seq + _NEAR)
    return list(rows.order_by("seq"))


def _by_outbox(run: Run) -> list[Message]:
    """Find the answer of a run without a turn by the key under which it was queued."""
    keys = [f"in:{run.inbox_id}:{number}" for number in range(4)] + [f"dead:{run.inbox_id}"]
    payloads = Outbox.objects.filter(dedupe_key__in=keys).values_list("payload", flat=True)
    ids = [payload["message"] for payload in payloads if payload.get("message")]
    return list(Message.objects.filter(pk__in=ids).order_by("seq"))


def text_of(replies: Iterable[Message]) -> str:
    """Return what an answer's messages say, as one text."""
    return "\n\n".join(reply.text for reply in replies if reply.text.strip())


def _to_run(row: dict[str, Any]) -> Run:
    state, error = _state_of(row)
    return Run(
        run_id=_name_of(row),
        inbox_id=row["pk"],
        channel_id=row["channel_id"],
        lane=row["lane"],
        state=state,
        error=error,
        turn_id=row["turn__pk"],
        session_id=row["turn__session_id"],
        user_seq=row["turn__user_seq"],
        started_at=row["turn__started_at"] or (row["done_at"] and row["received_at"]),
        ended_at=(row["turn__finished_at"] or row["done_at"]) if state in ENDED else None,
        received_at=row["received_at"],
    )


def _state_of(row: dict[str, Any]) -> tuple[str, str]:
    """Return the state that an inbox row and its turn come to, and what went wrong."""
    turn, inbox = row["turn__state"], row["state"]
    if inbox in (Inbox.State.DEAD, Inbox.State.UNPARSED):
        return ERROR, row["error"] or inbox
    if turn is None:
        if inbox == Inbox.State.NEW:
            return QUEUED, ""
        return _WITHOUT_TURN.get(row["error"], OK), row["error"]
    if turn == Turn.State.DONE:
        return OK, ""
    if turn == Turn.State.FAILED:
        return ERROR, row["turn__outcome"]
    if turn == Turn.State.CANCELLED:
        return ABORTED, row["turn__outcome"]
    return (WAITING if turn == Turn.State.PARKED else RUNNING), ""


def _name_of(row: dict[str, Any]) -> str:
    """Return a run's id as its client chose it."""
    if row["channel__kind"] != GATEWAY:
        return f"{_FOREIGN}{row['pk']}"
    owner = row["lane"].split("/")[1]
    name: str = row["external_id"].removeprefix(f"{owner}:")
    return _name_in_raw(row["pk"], name) if name.startswith("~") else name


def _name_in_raw(pk: int, fallback: str) -> str:
    """A long id has only its digest in the row's own fields."""
    raw = Inbox.objects.values_list("raw", flat=True).get(pk=pk)
    try:
        return str(json.loads(raw)["id"])
    except (ValueError, KeyError, TypeError):
        return fallback
