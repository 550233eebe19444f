"""Who hands over to whom: of each rota the turn that ends with a briefing, the one that holds then, and the next."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from runbooks.alerts.rota import AHEAD, Turn, find_on_call, list_turns
from runbooks.models import Rota

MOST = 10
A_MOMENT = timedelta(seconds=1)


def read_handover(at: datetime) -> list[dict[str, Any]]:
    """Return {rota, before, now, until, next} of each rota; "" for a name where nobody is on call."""
    return [_handover(rota, at) for rota in Rota.objects.order_by("name")[:MOST]]


def _handover(rota: Rota, at: datetime) -> dict[str, Any]:
    turns = list_turns(rota, start=at, end=at + AHEAD)
    holds = turns[0] if turns and turns[0].starts_at <= at else None
    following = next((turn for turn in turns if turn is not holds), None)
    return {
        "rota": rota.name,
        "before": _name(find_on_call(rota, at - A_MOMENT)),
        "now": _name(holds),
        "until": holds.ends_at.isoformat() if holds is not None and following is not None else "",
        "next": _name(following),
    }


def _name(turn: Turn | None) -> str:
    return str(turn.responder) if turn is not None else ""
