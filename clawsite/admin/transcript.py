"""One page of a conversation with all that happened around it, in a fixed number of queries.

Messages are found by their numbers, so the cost does not depend on how long the conversation is. Nothing here is
markup: the template escapes every text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from guardrails.models import VerdictRecord
from sessions_app.models import Attachment, Message, Session, Summary, Turn

PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """One message with its files, and the turn that it began."""

    message: Message
    files: tuple[Attachment, ...] = ()
    turn: Turn | None = None
    verdicts: tuple[VerdictRecord, ...] = ()
    summary: Summary | None = None

    @property
    def side(self) -> str:
        """Which side of the page it stands on."""
        return "theirs" if self.message.role in (Message.Role.USER, Message.Role.COMMAND) else "ours"

    @property
    def offered(self) -> list[list[str]]:
        """The labels of the buttons under it, row by row."""
        rows = self._part("buttons", list)
        return [[str(button[0]) for button in row if button] for row in rows if isinstance(row, list)]

    @property
    def edits(self) -> list[str]:
        """What its sender changed it to."""
        return [str(edit.get("text", "")) for edit in self._part("edits", list) if isinstance(edit, dict)]

    @property
    def reactions(self) -> dict[str, str]:
        """What people think of it, by subject."""
        return {str(who): str(emoji) for who, emoji in self._part("reactions", dict).items()}

    def _part(self, name: str, kind: type[Any]) -> Any:
        data = self.message.data if isinstance(self.message.data, dict) else {}
        value = data.get(name)
        return value if isinstance(value, kind) else kind()


@dataclass(frozen=True, kw_only=True)
class Page:
    """Lines in the order they were said, and where the older and newer pages begin."""

    lines: tuple[Line, ...] = ()
    older: int | None = None
    newest: bool = True
    totals: dict[str, Any] = field(default_factory=dict)


def read_page(session: Session, *, before: int | None = None) -> Page:
    """Return the newest page, or the one of the messages before a number."""
    rows = Message.objects.filter(session=session).select_related("contact").order_by("-seq")
    found = list((rows.filter(seq__lt=before) if before is not None else rows)[: PAGE + 1])
    messages = found[:PAGE][::-1]
    if not messages:
        return Page(newest=before is None)
    span = (messages[0].seq, messages[-1].seq)
    turns = _turns(session, span)
    return Page(
        lines=tuple(_lines(session, messages, span, turns)),
        older=messages[0].seq if len(found) > PAGE else None,
        newest=before is None,
        totals=_totals(turns.values()),
    )


def _turns(session: Session, span: tuple[int, int]) -> dict[int, Turn]:
    rows = Turn.objects.filter(session=session, user_seq__range=span).prefetch_related("tool_calls").order_by("pk")
    return {turn.user_seq: turn for turn in rows if turn.user_seq is not None}


def _lines(session: Session, messages: Sequence[Message], span: tuple[int, int], turns: dict[int, Turn]) -> list[Line]:
    files: dict[int, list[Attachment]] = defaultdict(list)
    for file in Attachment.objects.filter(session=session, message_seq__range=span):
        files[file.message_seq].append(file)
    verdicts = _verdicts(session, [turn.trace_id for turn in turns.values() if turn.trace_id])
    summaries = {each.upto_seq: each for each in Summary.objects.filter(session=session, upto_seq__range=span)}
    return [
        Line(
            message=message,
            files=tuple(files.get(message.seq, ())),
            turn=turns.get(message.seq),
            verdicts=tuple(verdicts.get(turns[message.seq].trace_id, ())) if message.seq in turns else (),
            summary=summaries.get(message.seq),
        )
        for message in messages
    ]


def _verdicts(session: Session, traces: Sequence[str]) -> dict[str, list[VerdictRecord]]:
    found: dict[str, list[VerdictRecord]] = defaultdict(list)
    for verdict in VerdictRecord.objects.filter(session_ref=session.ref, trace_id__in=traces).order_by("pk"):
        found[verdict.trace_id].append(verdict)
    return found


def _totals(turns: Any) -> dict[str, Any]:
    rows = list(turns)
    return {
        "input": sum(turn.input_tokens for turn in rows),
        "output": sum(turn.output_tokens for turn in rows),
        "cost": sum((turn.cost_usd for turn in rows), start=0),
    }
