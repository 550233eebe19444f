"""What is queued for the chat of a session: a new message, or an edit of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clawsite.core.nudge import nudge_on_commit
from sessions_app.models import Outbox, Session
from sessions_app.outbox import add_row

# What a transcript keeps of a message beside its text.
_SHOWN = ("buttons", "plain")


def shown_of(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a transcript keeps of a message's JSON."""
    return {name: payload[name] for name in _SHOWN if name in payload}


def queue_for(
    session: Session,
    payload: Mapping[str, Any],
    *,
    dedupe_key: str,
    trace_id: str = "",
    sender_here: bool = False,
) -> Outbox | None:
    """Queue a payload for a session's chat and tell those who look at it. In the transaction of its cause."""
    nudge_on_commit("session", session=session.pk)
    return add_row(
        channel_id=session.channel_id,
        chat_id=session.chat_id,
        thread_id=session.thread_id,
        session_id=session.pk,
        dedupe_key=dedupe_key,
        payload={**payload, "group": True} if session.kind == Session.Kind.GROUP else payload,
        trace_id=trace_id,
        sender_here=sender_here,
    )
