"""The simplest strategy: the newest messages that fit, nothing about older ones."""

from __future__ import annotations

from sessions_app.memory.history import History, read_history
from sessions_app.models import Session

KEY = Session.Memory.TRUNCATE


def read(session: Session, *, user_seq: int) -> History:
    """Return what a prompt may use of the past (one query)."""
    return read_history(session, after_seq=session.start_seq, user_seq=user_seq)
