"""The watch over the watched queries: every minute each is asked for, judged, and its anomalies are kept as rows.

Safe to run twice and by several workers: taking a query is one conditional update, and keeping findings is the same
however often it is done. A source that does not answer changes no anomaly; the reason is written into the watch's row.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from clawsite.core.errors import ClawError, log_unknown
from runbooks.anomalies.detector import find_anomalies
from runbooks.anomalies.store import Found, keep, resolve_unwatched
from runbooks.anomalies.values import DAY, HOUR, MINUTE, WEEK, Point, rules_for
from runbooks.models import NamedQuery, QueryWatch
from runbooks.sources import prometheus

EVERY = 55.0
STEP = MINUTE
# The last day minute by minute, three weeks before it in quarters of an hour for the seasons: two questions.
RECENT = DAY + HOUR
SEASON, SEASON_STEP = 3 * WEEK + HOUR, 15 * MINUTE
# What passed while nothing watched is looked at too, as far as a day of history is left for it.
LONGEST = 6 * HOUR
MOST_SERIES = 20
# Of the queue's time limit for one task; what is left over is the next round's.
SECONDS = 60.0


def watch_queries(now: datetime | None = None, *, seconds: float = SECONDS) -> int:
    """Look at every query that is due, the longest not looked at first; return how many. The task of the ticker."""
    end = time.monotonic() + seconds
    looked = 0
    resolve_unwatched()
    for query in _due(now or timezone.now()):
        if time.monotonic() >= end:
            break
        looked += look(query, now=now or timezone.now())
    return looked


def look(query: NamedQuery, *, now: datetime) -> bool:
    """Judge one query and keep what is found; False when another worker has just taken it, or it cannot be asked."""
    if not _take(query, now):
        return False
    try:
        judge(query, now=now)
    except ClawError as error:
        _note(query, error.message)
        return False
    except Exception as error:  # one query that cannot be judged is no reason to leave the others
        _note(query, f"error {log_unknown(error, where=f'the watch of query {query.pk}')}")
        return False
    return True


def judge(query: NamedQuery, *, now: datetime) -> None:
    """Ask for the course of a query and keep what is unusual in it."""
    last = now.timestamp() // STEP * STEP
    end = last + STEP
    start = min(end - HOUR, max(_looked_at(query), end - LONGEST))
    rules, zone = rules_for(query.unit), timezone.get_default_timezone()
    series = _read(query, last)
    found = [
        Found(
            labels=labels,
            findings=find_anomalies(points, step=STEP, start=start, end=end, rules=rules, zone=zone),
            last_at=points[-1][0],
        )
        for labels, points in series[:MOST_SERIES]
    ]
    note = f"It has {len(series)} series; the first {MOST_SERIES} are judged." if len(series) > MOST_SERIES else ""
    keep(query, found, until=datetime.fromtimestamp(end, UTC), rules=rules, note=note)


def _read(query: NamedQuery, last: float) -> list[tuple[dict[str, str], list[Point]]]:
    """Return labels and points of each series that was there in the last day, in the order of their labels."""
    middle = last - RECENT
    recent = _range(query, middle, last, STEP)
    before = _range(query, middle - SEASON, middle - SEASON_STEP, SEASON_STEP) if recent else []
    earlier = {_name(each.labels): each.points for each in before}
    recent.sort(key=lambda each: _name(each.labels))
    return [(each.labels, [*earlier.get(_name(each.labels), []), *each.points]) for each in recent]


def _range(query: NamedQuery, start: float, end: float, step: float) -> list[prometheus.Series]:
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    return prometheus.query_range(query.system, query.promql, first, last, step)


def _name(labels: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _looked_at(query: NamedQuery) -> float:
    watch = QueryWatch.objects.get(query=query)
    return watch.looked_at.timestamp() if watch.looked_at is not None else float("inf")


def _due(now: datetime) -> list[NamedQuery]:
    """Return the watched queries that nobody has begun to look at lately."""
    watched = NamedQuery.objects.filter(watched=True, system__enabled=True).exclude(system__prometheus_url="")
    quiet = Q(watch=None) | Q(watch__taken_at=None) | Q(watch__taken_at__lte=now - timedelta(seconds=EVERY))
    order = (F("watch__taken_at").asc(nulls_first=True), "pk")
    return list(watched.filter(quiet).select_related("system").order_by(*order))


def _take(query: NamedQuery, now: datetime) -> bool:
    """Take a query for this round; False when somebody else has it."""
    watch, _ = QueryWatch.objects.get_or_create(query=query)
    rows = QueryWatch.objects.filter(pk=watch.pk)
    quiet = Q(taken_at=None) | Q(taken_at__lte=now - timedelta(seconds=EVERY))
    return bool(rows.filter(quiet).update(taken_at=now))


def _note(query: NamedQuery, error: str) -> None:
    QueryWatch.objects.filter(query=query).update(error=error[:300])
