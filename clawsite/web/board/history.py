"""The minutes of a range, in at most 180 steps. Everybody who looks at the same range shares one reading."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from clawsite.models import Minute
from clawsite.web.board.charts import LINES

KEEP_SECONDS = 15.0
# A minute is written so long after its end.
SETTLE_SECONDS = 40
# Hours of each range, and minutes of one of its steps.
RANGES = {1: 1, 6: 2, 24: 10, 168: 60}
USUAL = 6


@dataclass(frozen=True, slots=True)
class _Kept:
    taken_at: float
    value: dict[str, Any]


_lock = threading.Lock()
_kept: dict[int, _Kept] = {}


def read_history(hours: int) -> dict[str, Any]:
    """Return the beginnings of the steps in seconds since the epoch, and the numbers of each line; None is unknown."""
    with _lock:
        kept = _kept.get(hours)
        if kept is None or time.monotonic() - kept.taken_at > KEEP_SECONDS:
            kept = _kept[hours] = _Kept(time.monotonic(), _read(hours, RANGES[hours]))
        return kept.value


def _read(hours: int, step: int) -> dict[str, Any]:
    seconds = step * 60
    end = (int(timezone.now().timestamp()) - SETTLE_SECONDS) // seconds * seconds
    moments = list(range(end - hours * 3600, end, seconds))  # only steps that are over
    since = datetime.fromtimestamp(moments[0], UTC)
    places: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = Minute.objects.filter(at__gte=since, at__lt=since + timedelta(hours=hours + 1)).order_by("at")
    for at, data in rows.values_list("at", "data"):
        places[int(at.timestamp()) // seconds * seconds].append(data)
    return {
        "hours": hours,
        "step": step,
        "at": moments,
        "lines": {line.key: [_join(places[at], line.key, adds=line.adds) for at in moments] for line in LINES},
    }


def _join(minutes: list[dict[str, Any]], key: str, *, adds: bool) -> float | None:
    values = [float(minute[key]) for minute in minutes if key in minute]
    if not values:
        return None
    return round(sum(values), 6) if adds else max(values)
