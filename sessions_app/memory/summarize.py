"""Old messages become a summary beside them: a cursor moves, nothing stored is changed.

Planning is pure reading; the caller asks a model to write the summary (off the reply path) and hands it to
`store_summary`, which refuses it when the session was reset or somebody else was faster. Cuts fall before a user's
message, so that a question is never parted from its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import IntegrityError, transaction

from clawsite.core.sql import fetch
from guardrails.redact import redact_secrets
from sessions_app import tokens
from sessions_app.memory.history import SPOKEN, History, Line, read_history
from sessions_app.models import Message, Session, Summary
from sessions_app.prompts.dialogue import fold_name
from sessions_app.prompts.layers import get_session_layers

KEY = Session.Memory.SUMMARIZE
SOFT_SHARE = 0.7
SOFT_MESSAGES = 50
KEEP_TURNS, KEEP_TURNS_LEAST = 12, 2
KEEP_SHARE = 0.5
LEAST_MESSAGES = 4
SUMMARY_TOKENS = 2000
LOOK_BACK = 400
# Among so many numbers they are looked for: where cards are most of a chat, a look costs no more with its age.
SCAN = 4000
SOURCE_CHARS = 48_000
CLIP_CHARS = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactionPlan:
    """What is to be summarized: `text` (data for the model) stands for the messages from_seq..upto_seq and `base`.

    messages and tokens say how much the new summary will stand for; epoch and base_seq are checked on storing.
    """

    text: str
    from_seq: int
    upto_seq: int
    epoch: int
    base_seq: int
    messages: int
    tokens: int


_NEWEST_SQL = """
SELECT text, tokens, covered_tokens, upto_seq FROM sessions_app_summary
WHERE session_id = %s AND upto_seq > %s AND upto_seq < %s ORDER BY upto_seq DESC LIMIT 1
"""


def read(session: Session, *, user_seq: int) -> History:
    """Return the summary and the messages after it (two queries)."""
    found = fetch(_NEWEST_SQL, session.pk, session.start_seq, user_seq)
    if not found:
        return read_history(session, after_seq=session.start_seq, user_seq=user_seq)
    text, size, covered, upto_seq = found[0]
    history = read_history(session, after_seq=upto_seq, user_seq=user_seq)
    return replace(history, summary=text, summary_tokens=size, covered_tokens=covered, upto_seq=upto_seq)


def find_summary(session: Session) -> Summary | None:
    """Return the newest summary since the last reset."""
    rows = Summary.objects.filter(session_id=session.pk, upto_seq__gt=session.start_seq)
    return rows.order_by("-upto_seq").first()


def plan_compaction(session: Session) -> CompactionPlan | None:
    """Return what should be summarized now, or None when the recent messages are few and small enough."""
    if session.memory != KEY:
        return None
    base = find_summary(session)
    lines = _read_recent(session, after_seq=base.upto_seq if base else session.start_seq)
    budget = next(layer.budget for layer in get_session_layers(session.pk) if layer.key == "conversation")
    size = tokens.scale(sum(line.size for line in lines), session.token_ratio)
    if len(lines) <= SOFT_MESSAGES and size <= budget * SOFT_SHARE:
        return None
    old = lines[: _find_cut(lines, limit=int(budget * KEEP_SHARE), ratio=session.token_ratio)]
    if len(old) < LEAST_MESSAGES:
        return None
    return CompactionPlan(
        text=_write_source(old, notes=base.text if base else "", group=session.kind == Session.Kind.GROUP),
        from_seq=old[0].seq,
        upto_seq=old[-1].seq,
        epoch=session.epoch,
        base_seq=base.upto_seq if base else 0,
        messages=len(old),
        tokens=sum(line.size for line in old) + (base.covered_tokens if base else 0),
    )


def _read_recent(session: Session, *, after_seq: int) -> list[Line]:
    """Return the newest LOOK_BACK messages after a number, oldest first. Older ones are out of reach for good."""
    floor = max(after_seq, session.last_seq - SCAN)
    rows = (
        Message.objects.filter(session_id=session.pk, seq__gt=floor, role__in=SPOKEN)
        .order_by("-seq")
        .values_list("seq", "role", "text", "tokens", "contact__name")[:LOOK_BACK]
    )
    return [
        Line(seq=seq, role=role, text=text, tokens=size, name=name or "")
        for seq, role, text, size, name in reversed(rows)
        if text.strip()
    ]


def _find_cut(lines: Sequence[Line], *, limit: int, ratio: float) -> int:
    """Return where the kept tail begins: up to KEEP_TURNS turns within `limit` tokens, KEEP_TURNS_LEAST in any case."""
    cut, turns, size = len(lines), 0, 0
    for place in range(len(lines) - 1, -1, -1):
        size += lines[place].size
        if not _opens_turn(lines, place):
            continue
        if turns >= KEEP_TURNS_LEAST and (turns == KEEP_TURNS or tokens.scale(size, ratio) > limit):
            break
        cut, turns = place, turns + 1
    return cut


def _opens_turn(lines: Sequence[Line], place: int) -> bool:
    """Tell whether a user's message begins a turn here; the second of two in a row does not."""
    before = lines[place - 1].role if place else Message.Role.ASSISTANT
    return lines[place].role == Message.Role.USER and before != Message.Role.USER


def _write_source(lines: Sequence[Line], *, notes: str, group: bool) -> str:
    """Write what the model summarizes, newest stretch first kept: at most SOURCE_CHARS, each message clipped.

    Only ours begin at the left: nobody can write a line that seems to be somebody else's.
    """
    parts: list[str] = []
    room = SOURCE_CHARS
    for line in reversed(lines):
        person = f"[{fold_name(line.name)}]" if group else "User"
        who = "Assistant" if line.role == Message.Role.ASSISTANT else person
        text = line.text if len(line.text) <= CLIP_CHARS else line.text[:CLIP_CHARS] + "…"
        parts.append(f"{who}: " + "\n  ".join(text.splitlines()))
        room -= len(parts[-1])
        if room < 0:
            parts[-1] = "(earlier messages are left out)"
            break
    body = "\n\n".join(reversed(parts)).replace("</", "< /")
    before = notes.replace("</", "< /")
    return f"<notes>\n{before or 'None yet.'}\n</notes>\n\n<messages>\n{body}\n</messages>"


def store_summary(session_id: int, plan: CompactionPlan, text: str) -> bool:
    """Put the summary beside its messages and so move the cursor. False when it is empty or no longer wanted."""
    short = tokens.cut(redact_secrets(text.strip()), SUMMARY_TOKENS)
    if not short:
        return False
    try:
        with transaction.atomic():
            return _store_if_current(session_id, plan, short)
    except IntegrityError:
        return False


def _store_if_current(session_id: int, plan: CompactionPlan, text: str) -> bool:
    """Insert the row if the session still is as it was when the plan was made."""
    session = Session.objects.select_for_update().filter(pk=session_id, epoch=plan.epoch).first()
    if session is None or session.start_seq >= plan.from_seq:
        return False
    newest = find_summary(session)
    if (newest.upto_seq if newest else 0) != plan.base_seq:
        return False
    Summary.objects.create(
        session=session,
        upto_seq=plan.upto_seq,
        text=text,
        tokens=tokens.estimate(text),
        covered_tokens=plan.tokens,
    )
    return True
