"""Finds what is unusual in one series. Pure: points in, findings out, the same for the same points.

A point counts when its robust score passes the limit against what is usual at this time of day and week (against the
last day where too little is known of those) and the change is worth telling, or when it is far outside of all that was
seen. Three such points of five in a row make a
finding, so that one odd sample is none. What has too little history gets no finding at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

from runbooks.anomalies.baseline import Baseline, measure
from runbooks.anomalies.season import History
from runbooks.anomalies.sparse import LOOKED_AT, is_sparse, widen
from runbooks.anomalies.stillness import find_flat, find_missing
from runbooks.anomalies.values import DAY, HOUR, Finding, Kind, Point, Points, Rules

# Squares of larger ones could not be added up.
MOST_VALUE = 1e100


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged:
    """One point, its scores, and whether it is unusual (1 above, -1 below, 0 not)."""

    at: float
    value: float
    expected: float
    robust: float
    zscore: float
    side: int


def find_anomalies(
    points: Points, *, step: float, start: float, end: float, rules: Rules, zone: tzinfo = UTC
) -> list[Finding]:
    """Return what is unusual from start up to, but without, end, oldest first.

    points: (unix time, value), oldest first, from as long before start as is known; step: seconds between two of them;
    zone: by whose clocks days and weeks are told apart.
    Values that are no number, or beyond all measure, are taken for missing. What lasts to the end has no end yet.
    """
    known = [point for point in points if abs(point[1]) <= MOST_VALUE]  # not true of NaN
    history = History(known, until=start, zone=zone)
    recent = history.between(start - DAY, start)
    if len(recent) < rules.needed:
        return []
    judged = [point for point in known if start <= point[0] < end]
    levels = _find_levels(known, recent=recent, history=history, step=step, start=start, end=end, rules=rules)
    flat = find_flat(judged, before=recent, step=step)
    seconds = min(DAY, start - known[0][0])
    missing = find_missing(judged, before=len(recent), history=seconds, step=step, start=start, end=end)
    others = [each for each in flat if not any(_overlap(each, level) for level in levels)]
    return sorted([*levels, *others, *missing], key=lambda each: each.started_at)


def scan(
    points: Points, *, step: float, start: float, end: float, rules: Rules, width: float = HOUR, zone: tzinfo = UTC
) -> list[Finding]:
    """Return what a watch finds that looks at one width after the other, each time a little further back."""
    found: list[Finding] = []
    back = (rules.window - 1) * step
    at = start
    while at < end:
        until = min(at + max(width, 2 * rules.window * step), end)
        now = find_anomalies(points, step=step, start=max(start, at - back), end=until, rules=rules, zone=zone)
        found += [replace(each, lasts=each.lasts and until == end) for each in now]
        at = until
    return join(found, gap=rules.joined)


def join(found: Sequence[Finding], *, gap: float) -> list[Finding]:
    """Make one finding of those of a kind that touch or nearly do; keep the scores of the most unusual one."""
    joined: list[Finding] = []
    for each in sorted(found, key=lambda one: (one.kind, one.started_at)):
        last = joined[-1] if joined else None
        if last is not None and last.kind is each.kind and each.started_at - last.ended_at <= gap:
            joined[-1] = merge(last, each)
        else:
            joined.append(each)
    return sorted(joined, key=lambda one: one.started_at)


def merge(one: Finding, other: Finding) -> Finding:
    """Return two findings as one, with the later end and the higher scores."""
    worst, later = max(one, other, key=lambda each: abs(each.robust)), max(one, other, key=lambda each: each.ended_at)
    return replace(worst, started_at=min(one.started_at, other.started_at), ended_at=later.ended_at, lasts=later.lasts)


def _find_levels(
    known: Points, *, recent: Sequence[float], history: History, step: float, start: float, end: float, rules: Rules
) -> list[Finding]:
    """Return the stretches that are too high or too low; a sparse series is looked at in larger steps."""
    if not is_sparse(recent):
        judged = [point for point in known if start <= point[0] < end]
        return _find_stretches(judged, history=history, recent=measure(recent), step=step, rules=rules)
    wide = widen(known, step=step, start=start - DAY, until=start)
    if wide is None:
        return []
    first = min(start, end - LOOKED_AT * wide.step)
    before = History(wide.points, until=first, zone=history.zone)
    day = before.between(first - DAY, first)
    judged = [point for point in wide.points if first <= point[0] and point[0] + wide.step <= end]
    found = _find_stretches(judged, history=before, recent=measure(day), step=wide.step, rules=rules) if day else []
    return [each for each in found if each.ended_at > start]


def _find_stretches(
    judged: Sequence[Point], *, history: History, recent: Baseline, step: float, rules: Rules
) -> list[Finding]:
    rows = [_judge(point, history.seasons(point[0]) or [recent], rules) for point in judged]
    found: list[Finding] = []
    for side, kind in ((-1, Kind.DROP), (1, Kind.SPIKE)):
        for first, last in _stretches([row.side == side for row in rows], rules):
            worst = max((row for row in rows[first : last + 1] if row.side == side), key=lambda row: abs(row.robust))
            lasts = last >= len(rows) - (rules.window - rules.votes + 1)
            found.append(
                Finding(
                    kind=kind,
                    started_at=rows[first].at,
                    ended_at=rows[last].at + step,
                    lasts=lasts,
                    zscore=worst.zscore,
                    robust=worst.robust,
                    value=worst.value,
                    expected=worst.expected,
                )
            )
    return join(found, gap=rules.joined)


def _judge(point: Point, baselines: Sequence[Baseline], rules: Rules) -> _Judged:
    """Judge a point by the baseline that it fits best: what is usual by one of them is usual."""
    at, value = point
    usual = min(baselines, key=lambda each: abs(each.robust(value)))
    robust, change = usual.robust(value), value - usual.median
    far = abs(robust) >= rules.limit and abs(change) >= rules.margin(usual.median)
    return _Judged(
        at=at,
        value=value,
        expected=usual.median,
        robust=robust,
        zscore=usual.zscore(value),
        side=int(math.copysign(1, change)) if far or _is_beyond(value, usual, rules) else 0,
    )


def _is_beyond(value: float, usual: Baseline, rules: Rules) -> bool:
    """Tell whether a value is far outside of all that was seen. A season that is not known yet makes the spread large,
    and an outage would hide in it."""
    if value < usual.low:
        return usual.low - value >= rules.margin(usual.low)
    return value > usual.high and value - usual.high >= rules.margin(usual.high)


def _stretches(marks: Sequence[bool], rules: Rules) -> list[tuple[int, int]]:
    """Return first and last index of the stretches in which enough points of each few in a row are marked."""
    found: list[tuple[int, int]] = []
    for first in range(max(0, len(marks) - rules.votes + 1)):
        span = [index for index in range(first, min(first + rules.window, len(marks))) if marks[index]]
        if len(span) < rules.votes:
            continue
        if found and span[0] <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], span[-1]))
        else:
            found.append((span[0], span[-1]))
    return found


def _overlap(one: Finding, other: Finding) -> bool:
    return one.started_at < other.ended_at and other.started_at < one.ended_at
