"""Ends groups that will never hear "resolved": an Alertmanager that lost its state or its receiver sends no end.

The systems' Alertmanagers are read every half minute in any case; what they list is compared with the groups that fire.
Invariants: only a group that this very list once had can be missing from it; a list that could not be read, or not
understood, says nothing; and nothing ends before it was missing in two readings that lie further apart than an
Alertmanager needs to hear everything again from Prometheus.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from clawsite.core.errors import log_unknown
from guardrails.http import Reply
from runbooks.alerts.groups import Outcome, end_group
from runbooks.alerts.showing import show_outcome
from runbooks.alerts.staleness import take_back
from runbooks.models import Alert, AlertGroup, MonitoredSystem
from runbooks.sources.alertmanager import ListedAlert, parse_alerts

# After news of its own, and while it is missing, a group is left alone so long.
QUIET, ABSENT = timedelta(minutes=5), timedelta(minutes=5)
PAGE = 200
# How many are ended after one reading; the others are, after the next ones.
MOST_ENDS = 50


def hear_list(system: MonitoredSystem, reply: Reply, now: datetime) -> None:
    """Compare what an Alertmanager lists with the groups of its system that fire. Safe to repeat."""
    if not _firing(system).exists():
        return
    listed = parse_alerts(reply)
    names = {each.fingerprint for each in listed}
    over: list[int] = []
    for page in _pages(system):
        present = _present(page, names, listed)
        _note_presence(page, present, now)
        for doubted in [each.pk for each in page if each.pk in present and each.stale_at is not None]:
            take_back(doubted, now=now)
        over += [each.pk for each in page if each.pk not in present and _is_over(each, now)]
    for pk in over[:MOST_ENDS]:
        try:
            _end(pk, system, now)
        except Exception as error:
            log_unknown(error, where=f"alert group {pk}, which Alertmanager has no longer")


def _firing(system: MonitoredSystem) -> QuerySet[AlertGroup]:
    return AlertGroup.objects.filter(system=system, state=AlertGroup.State.FIRING)


def _pages(system: MonitoredSystem) -> Iterable[list[AlertGroup]]:
    last = 0
    while page := list(_firing(system).filter(pk__gt=last).order_by("pk")[:PAGE]):
        yield page
        last = page[-1].pk


def _present(page: Sequence[AlertGroup], names: set[str], listed: Sequence[ListedAlert]) -> set[int]:
    """Return which of these groups the list has. Of one that came cut, any alert of the group will do."""
    firing = Alert.objects.filter(group__in=[each.pk for each in page], state=AlertGroup.State.FIRING)
    found = {pk for pk, name in firing.values_list("group_id", "fingerprint") if name in names}
    cut = [each for each in page if each.truncated and each.pk not in found]
    return found | {each.pk for each in cut if any(each.group_labels.items() <= one.labels.items() for one in listed)}


def _note_presence(page: Sequence[AlertGroup], present: set[int], now: datetime) -> None:
    """Write down what is new about being there or missing: for most groups, nothing."""
    fresh = [each.pk for each in page if each.pk in present and each.listed_at is None]
    back = [each.pk for each in page if each.pk in present and each.absent_since is not None]
    gone = [each.pk for each in page if each.pk not in present and each.listed_at and each.absent_since is None]
    for numbers, change in ((fresh, {"listed_at": now}), (back, {"absent_since": None}), (gone, {"absent_since": now})):
        if numbers:
            AlertGroup.objects.filter(pk__in=numbers).update(**change)


def _is_over(group: AlertGroup, now: datetime) -> bool:
    """Tell whether a group that is missing now was missing before, for long, and nothing else was heard of it."""
    missing = group.absent_since is not None and now - group.absent_since >= ABSENT
    return missing and now - group.heard_at >= QUIET


@transaction.atomic
def _end(pk: int, system: MonitoredSystem, now: datetime) -> None:
    """End one, unless a delivery about it came meanwhile."""
    group = AlertGroup.objects.select_for_update().filter(pk=pk, state=AlertGroup.State.FIRING).first()
    if group is None or not _is_over(group, now):
        return
    end_group(group, "vanished", str(system), now=now)
    show_outcome(Outcome(kind="resolved", group=group), now=now)
