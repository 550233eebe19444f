"""When a conversation was told that another model answers: once in half an hour, not with every answer."""

from __future__ import annotations

import time
from collections import OrderedDict

AGAIN_SECONDS = 1800.0
MOST = 1000

_said: OrderedDict[int, float] = OrderedDict()


def may_say(session_id: int) -> bool:
    """Tell whether it is time to say it, and remember that it was said. The latest thousand conversations count."""
    now = time.monotonic()
    if now - _said.get(session_id, float("-inf")) < AGAIN_SECONDS:
        return False
    _said[session_id] = now
    _said.move_to_end(session_id)
    while len(_said) > MOST:
        _said.popitem(last=False)
    return True


def forget() -> None:
    """Forget everything, as a restart would."""
    _said.clear()
