"""Brings the findings of one look into the rows: opens, prolongs and resolves. Safe to repeat with the same findings.

A finding is the row of its series and kind that it touches; so a row keeps its beginning while the watch, which looks
back for an hour only, sees it begin later and later.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from runbooks.anomalies.values import Finding, Kind, Rules
from runbooks.models import Anomaly, NamedQuery, QueryWatch

OPEN, RESOLVED = Anomaly.State.OPEN, Anomaly.State.RESOLVED
SILENT = timedelta(days=7)
_SCORES = ("zscore", "robust", "value", "expected")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found in one series, whose last point is of `last_at`."""

    labels: Mapping[str, str]
    findings: list[Finding]
    last_at: float = math.inf

    @property
    def series(self) -> str:
        """A short name of the series: the same labels always have the same."""
        text = json.dumps(dict(self.labels), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def keep(query: NamedQuery, found: list[Found], *, until: datetime, rules: Rules, note: str = "") -> None:
    """Make the rows of a query say what was found up to a moment. A look that is older than the last one is void.

    `note`: what people should know of the look although it went well.
    """
    with transaction.atomic():
        watch = QueryWatch.objects.select_for_update().filter(query=query).first()
        if watch is None or (watch.looked_at is not None and watch.looked_at > until):
            return
        kept: set[int] = set()
        for each in found:
            for finding in each.findings:
                kept.add(_keep_one(query, each, finding, joined=rules.joined).pk)
        _resolve_others(query, kept, last={each.series: each.last_at for each in found}, until=until)
        watch.looked_at, watch.error = until, note
        watch.save(update_fields=["looked_at", "error"])


def _keep_one(query: NamedQuery, found: Found, finding: Finding, *, joined: float) -> Anomaly:
    start, seen = _moment(finding.started_at), _moment(finding.ended_at)
    rows = Anomaly.objects.filter(
        system=query.system_id, query=query.name, series=found.series, kind=finding.kind.value
    )
    near = rows.filter(seen_at__gte=start - timedelta(seconds=joined), started_at__lte=seen)
    row = near.order_by("-started_at").first()
    if row is not None:
        return _prolong(row, finding, seen=seen)
    rows.open().update(state=RESOLVED, ended_at=F("seen_at"))
    return Anomaly.objects.create(
        system_id=query.system_id,
        query=query.name,
        title=str(query),
        unit=query.unit,
        series=found.series,
        labels=dict(found.labels),
        kind=finding.kind.value,
        state=OPEN if finding.lasts else RESOLVED,
        started_at=start,
        seen_at=seen,
        ended_at=None if finding.lasts else seen,
        **{name: getattr(finding, name) for name in _SCORES},
    )


def _prolong(row: Anomaly, finding: Finding, *, seen: datetime) -> Anomaly:
    """Say of a row that it was seen later, or that it is over, and how bad it got."""
    row.seen_at = max(row.seen_at, seen)
    row.state = OPEN if finding.lasts else RESOLVED
    row.ended_at = None if finding.lasts else row.seen_at
    if abs(finding.robust) > abs(row.robust):
        for name in _SCORES:
            setattr(row, name, getattr(finding, name))
    row.save(update_fields=["seen_at", "state", "ended_at", *_SCORES])
    return row


def _resolve_others(query: NamedQuery, kept: set[int], *, last: Mapping[str, float], until: datetime) -> None:
    """End the open rows of a query of which nothing was found: they ended when they were last seen.

    A series that fell silent and still has no point is as silent as before, however much of the history is silence by
    now. One that is gone for a day while others of the query go on was replaced, and after a week any is no more.
    """
    gone = math.inf if last else 0.0
    rows = Anomaly.objects.open().filter(system=query.system_id, query=query.name).exclude(pk__in=kept)
    quiet = rows.filter(kind=Kind.MISSING.value, started_at__gt=until - SILENT)
    silent = [row.pk for row in quiet if last.get(row.series, gone) <= row.started_at.timestamp()]
    rows.filter(pk__in=silent).update(seen_at=until)
    rows.exclude(pk__in=silent).update(state=RESOLVED, ended_at=F("seen_at"))


def resolve_unwatched() -> int:
    """End the open rows of queries that nobody watches any more, as they were last seen; return how many."""
    watched = NamedQuery.objects.filter(
        system=OuterRef("system"), name=OuterRef("query"), watched=True, system__enabled=True
    )
    rows = Anomaly.objects.open().filter(~Exists(watched))
    return rows.update(state=RESOLVED, ended_at=F("seen_at"))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
