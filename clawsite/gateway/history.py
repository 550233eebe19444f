"""A conversation as clients read it, page by page. The cost of a page does not depend on what lies before it.

Shown is the present conversation: what a reset has put away is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from clawsite.core.errors import BadInput
from clawsite.gateway.keys import key_for, session_id_of
from clawsite.gateway.rows import defaults, describe_session, no_row, to_ms
from clawsite.gateway.runs import ENDED, find_open, read_runs
from sessions_app.models import Message, Session, Turn

LIMIT, MAX_LIMIT = 200, 1000
MAX_CHARS = 500_000
# What the messages of one answer may come to.
MAX_BYTES = 6 * 1024 * 1024
MINE = (Message.Role.USER, Message.Role.COMMAND)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Which messages are wanted: the newest `limit` of those before `before`, or after `offset` newer ones."""

    limit: int = LIMIT
    offset: int = 0
    before: int | None = None
    max_chars: int = MAX_CHARS


def read_cursor(text: str) -> int:
    """Return the number that a cursor of ours stands for; BadInput for any other."""
    if not text.isdecimal() or len(text) > 18:
        raise BadInput("cursor is not one that this gateway gave")
    return int(text)


def show_message(row: Message, *, max_chars: int = MAX_CHARS) -> dict[str, Any]:
    """Return one message as the wire has it."""
    mine = row.role in MINE
    about: dict[str, Any] = {"id": str(row.pk), "seq": row.seq}
    if row.role in (Message.Role.COMMAND, Message.Role.NOTICE):
        about["kind"] = row.role
    if row.data.get("buttons"):
        about["buttons"] = row.data["buttons"]
    if len(row.text) > max_chars:
        about["truncated"] = len(row.text)
    content: list[dict[str, Any]] = [{"type": "text", "text": row.text[:max_chars]}]
    content += [_show_file(file) for file in row.data.get("files", ())]
    shown: dict[str, Any] = {
        "role": "user" if mine else "assistant",
        "content": content,
        "timestamp": to_ms(row.created_at),
        "__openclaw": about,
    }
    if mine and row.external_id:
        shown["idempotencyKey"] = row.external_id
    return shown


def _show_file(file: Mapping[str, Any]) -> dict[str, Any]:
    kind = "image" if file.get("kind") == "photo" else "file"
    return {"type": kind, "fileName": file.get("name"), "mimeType": file.get("mime"), "size": file.get("size")}


def read_history(session: Session, page: Page, *, owner: str) -> dict[str, Any]:
    """Return chat.history's answer for a session (with its channel)."""
    upto = session.last_seq - page.offset
    if page.before is not None:
        upto = min(upto, page.before - 1)
    rows = session.messages.filter(seq__gt=session.start_seq, seq__lte=upto).order_by("-seq")[: page.limit + 1]
    found = list(rows)
    shown, first = _within(found[: page.limit], max_chars=page.max_chars)
    has_more = len(found) > len(shown)
    answer: dict[str, Any] = {
        "sessionKey": key_for(owner, session),
        "sessionId": session_id_of(session),
        "messages": shown,
        "pendingInputs": {"items": [], "total": 0},
        "hasMore": has_more,
        "totalMessages": session.last_seq - session.start_seq,
        "lastSeq": session.last_seq,
        "offset": page.offset,
        "defaults": defaults(),
        "sessionInfo": describe_session(session, owner=owner),
    }
    if has_more and first is not None:
        answer |= {"nextOffset": session.last_seq - first + 1, "nextCursor": str(first)}
    return answer | _in_flight(session)


def no_history(key: str) -> dict[str, Any]:
    """Return chat.history's answer for a session of the caller's own that nobody wrote in yet."""
    return {
        "sessionKey": key,
        "messages": [],
        "pendingInputs": {"items": [], "total": 0},
        "hasMore": False,
        "totalMessages": 0,
        "lastSeq": 0,
        "defaults": defaults(),
        "sessionInfo": no_row(key),
    }


def _within(newest_first: Iterable[Message], *, max_chars: int) -> tuple[list[msgspec.Raw], int | None]:
    """Return encoded messages, oldest first, as many of the newest as fit, and the number of the oldest of them."""
    shown: list[msgspec.Raw] = []
    size, first = 0, None
    for row in newest_first:
        body = _encode(show_message(row, max_chars=max_chars))
        size += len(body) + 1
        if size > MAX_BYTES and shown:
            break
        shown.append(msgspec.Raw(body))
        first = row.seq
    shown.reverse()
    return shown, first


def _in_flight(session: Session) -> dict[str, Any]:
    """Return the run that is being answered, with the text so far as it was last saved."""
    runs = [run for _, run in sorted(read_runs(find_open(session)).items()) if run.state not in ENDED]
    if not runs:
        return {}
    run = runs[0]
    draft = Turn.objects.filter(pk=run.turn_id).values_list("draft", flat=True).first() if run.turn_id else ""
    in_flight: dict[str, Any] = {"runId": run.run_id, "status": run.state, "text": draft or ""}
    if run.started_at is not None:
        in_flight["startedAt"] = to_ms(run.started_at)
    return {"inFlightRun": in_flight}
