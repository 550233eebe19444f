"""The strategies there are. A new one is a module with `read` (and what makes its material) and a line here."""

from __future__ import annotations

from collections.abc import Callable

from sessions_app.memory import summarize, truncate
from sessions_app.memory.history import History
from sessions_app.models import Session

Reader = Callable[..., History]

STRATEGIES: dict[str, Reader] = {truncate.KEY: truncate.read, summarize.KEY: summarize.read}


def read_memory(session: Session, *, user_seq: int) -> History:
    """Return what the session's strategy offers a prompt. An unknown one counts as truncate."""
    reader = STRATEGIES.get(session.memory, truncate.read)
    return reader(session, user_seq=user_seq)
