"""Reading a bounded page of what was said, and fitting it into a number of tokens.

Invariants: the cost does not depend on how long a session is (at most PAGE rows out of SCAN numbers are read, along
the (session, seq) index); stored messages are never changed; a fitted history begins with a user's message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clawsite.core.sql import fetch
from sessions_app import tokens
from sessions_app.models import Message, Session

PAGE = 60
# Cards and commands stand among what was said; where they are most of a chat, this many numbers are looked through.
SCAN = 2000
# What the wrapping of one message costs beside its text.
LINE_OVERHEAD = 4
# A photo without a caption still has its turn in the dialogue; an answer without text is none.
_TEXTLESS = {"user": "(a message without text)", "assistant": ""}
SPOKEN = (Message.Role.USER, Message.Role.ASSISTANT)
_PAGE_SQL = f"""
SELECT m.seq, m.role, m.text, m.tokens, c.name, c.username
FROM sessions_app_message m LEFT JOIN sessions_app_contact c ON c.id = m.contact_id
WHERE m.session_id = %s AND m.seq > %s AND m.seq <= %s AND m.role IN ('user', 'assistant')
ORDER BY m.seq DESC LIMIT {PAGE + 1}
"""  # noqa: S608 - constants only


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One message of the past. `name` is who wrote it, as the platform says; `tokens` are estimated ones."""

    seq: int
    role: str
    text: str
    name: str = ""
    tokens: int = 0

    @property
    def size(self) -> int:
        """Estimated tokens with their wrapping."""
        return self.tokens + LINE_OVERHEAD


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """What a memory strategy offers a prompt: a summary (or "") and the newest messages, oldest first.

    `current_name` is the author of the message being answered. `covered_tokens` is the size of everything that the
    summary stands for.
    """

    lines: tuple[Line, ...] = ()
    current_name: str = ""
    summary: str = ""
    summary_tokens: int = 0
    covered_tokens: int = 0
    upto_seq: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """The lines that fit, oldest first, how many did not, and how many were shortened."""

    lines: tuple[Line, ...] = ()
    left_out: int = 0
    shortened: int = 0
    tokens: int = field(default=0)


def read_history(session: Session, *, after_seq: int, user_seq: int) -> History:
    """Return up to PAGE messages between two numbers, newest ones, and the author of `user_seq` (one query)."""
    floor = max(after_seq, session.start_seq, user_seq - SCAN)
    rows = fetch(_PAGE_SQL, session.pk, floor, user_seq)
    lines = [
        Line(
            seq=seq,
            role=role,
            text=text if text.strip() else _TEXTLESS[role],
            tokens=size,
            name=name or username or "",
        )
        for seq, role, text, size, name, username in rows
    ]
    current = next((line.name for line in lines if line.seq == user_seq), "")
    past = [line for line in reversed(lines) if line.seq < user_seq and line.text]
    return History(lines=tuple(past[-PAGE:]), current_name=current)


def fit_lines(lines: Sequence[Line], *, limit: int, ratio: float) -> Fitted:
    """Keep the newest lines that fit into `limit` tokens, from a user's message on.

    When not all fit, one line may take half of the limit at most: a huge answer is shortened instead of pushing
    everything else out.
    """
    kept: list[Line] = []
    spent = shortened = 0
    tight = sum(tokens.scale(line.size, ratio) for line in lines) > limit
    for line in reversed(lines):
        small = _shorten(line, limit=limit // 2, ratio=ratio) if tight else line
        size = tokens.scale(small.size, ratio)
        if spent + size > limit or not small.text:
            break
        shortened += small is not line
        spent += size
        kept.append(small)
    kept.reverse()
    first = next((place for place, line in enumerate(kept) if line.role == Message.Role.USER), len(kept))
    spent -= sum(tokens.scale(line.size, ratio) for line in kept[:first])
    fitted = tuple(kept[first:])
    return Fitted(lines=fitted, left_out=len(lines) - len(fitted), shortened=shortened, tokens=spent)


def _shorten(line: Line, *, limit: int, ratio: float) -> Line:
    if tokens.scale(line.size, ratio) <= limit:
        return line
    text = tokens.cut(line.text, limit - tokens.scale(LINE_OVERHEAD, ratio), ratio=ratio)
    return replace(line, text=text, tokens=tokens.estimate(text))


def size_of_lines(history: History, ratio: float) -> int:
    """Return what all of its messages would take, in tokens corrected by the session's ratio."""
    return sum(tokens.scale(line.size, ratio) for line in history.lines)
