"""Ends groups, and alerts in them, that will never hear "resolved": an Alertmanager that lost its state or its receiver
sends no end.

The systems' Alertmanagers are read every half minute in any case; what they list is compared with the groups that fire.
Invariants: only what this very list once had can be missing from it; a list that could not be read, or not understood,
says nothing; and nothing ends before it was missing in two readings that lie further apart than an Alertmanager needs
to hear everything again from Prometheus. A single alert ends only beside one of its group that is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import QuerySet

from clawsite.core.errors import log_unknown
from guardrails.http import Reply
from runbooks.alerts.groups import Outcome, end_alerts, end_group
from runbooks.alerts.showing import show_group, show_outcome
from runbooks.alerts.silencing import end_lifted
from runbooks.alerts.staleness import take_back
from runbooks.models import Alert, AlertGroup, MonitoredSystem
from runbooks.sources.alertmanager import ListedAlert, parse_alerts

T = TypeVar("T", Alert, AlertGroup)

# After news of its own, and while it is missing, a group is left alone so long.
QUIET, ABSENT = timedelta(minutes=5), timedelta(minutes=5)
PAGE = 200
# How many are ended after one reading; the others are, after the next ones.
MOST_ENDS = 50


def hear_list(system: MonitoredSystem, reply: Reply, now: datetime) -> None:
    """Compare what an Alertmanager lists with the groups of its system that fire, and with our silences of them.

    Safe to repeat.
    """
    if not _firing(system).exists():
        return
    listed = parse_alerts(reply)
    end_lifted(system, listed, now=now)
    names = {each.fingerprint for each in listed}
    over: dict[int, list[int]] = {}
    for page in _pages(system):
        firing = list(_firing_alerts(page))
        present = _present(page, firing, names, listed)
        _note_presence(page, present, now)
        for doubted in [each.pk for each in page if each.pk in present and each.stale_at is not None]:
            take_back(doubted, now=now)
        over |= {each.pk: [] for each in page if each.pk not in present and _is_over(each, now)}
        over |= _compare_alerts(firing, names, now)
    for pk, alerts in list(over.items())[:MOST_ENDS]:
        try:
            _end_alerts(pk, alerts, now) if alerts else _end(pk, system, now)
        except Exception as error:
            log_unknown(error, where=f"alert group {pk}, which Alertmanager has no longer")


def _firing(system: MonitoredSystem) -> QuerySet[AlertGroup]:
    return AlertGroup.objects.filter(system=system, state=AlertGroup.State.FIRING)


def _pages(system: MonitoredSystem) -> Iterable[list[AlertGroup]]:
    last = 0
    while page := list(_firing(system).filter(pk__gt=last).order_by("pk")[:PAGE]):
        yield page
        last = page[-1].pk


def _firing_alerts(page: Sequence[AlertGroup]) -> QuerySet[Alert]:
    rows = Alert.objects.filter(group__in=[each.pk for each in page], state=AlertGroup.State.FIRING)
    return rows.only("group_id", "fingerprint", "listed_at", "absent_since")


def _present(
    page: Sequence[AlertGroup], firing: Sequence[Alert], names: set[str], listed: Sequence[ListedAlert]
) -> set[int]:
    """Return which of these groups the list has. Of one that came cut, any alert of the group will do."""
    found = {each.group_id for each in firing if each.fingerprint in names}
    cut = [each for each in page if each.truncated and each.pk not in found]
    return found | {each.pk for each in cut if any(each.group_labels.items() <= one.labels.items() for one in listed)}


def _note_presence(page: Sequence[AlertGroup], present: set[int], now: datetime) -> None:
    there = [each for each in page if each.pk in present]
    _write_down(AlertGroup.objects.all(), there, [each for each in page if each.pk not in present], now)


def _write_down(rows: QuerySet[T], there: Sequence[T], missing: Sequence[T], now: datetime) -> None:
    """Write down what is new about being there or missing: for most, nothing."""
    fresh = [each.pk for each in there if each.listed_at is None]
    back = [each.pk for each in there if each.absent_since is not None]
    gone = [each.pk for each in missing if each.listed_at and each.absent_since is None]
    for numbers, change in ((fresh, {"listed_at": now}), (back, {"absent_since": None}), (gone, {"absent_since": now})):
        if numbers:
            rows.filter(pk__in=numbers).update(**change)


def _compare_alerts(firing: Sequence[Alert], names: set[str], now: datetime) -> dict[int, list[int]]:
    """Write down which alerts are there and which are missing beside one that is there.

    Returns those that have been missing for long, by their groups.
    """
    there = [each for each in firing if each.fingerprint in names]
    groups = {each.group_id for each in there}
    lost = [each for each in firing if each.fingerprint not in names and each.group_id in groups and each.listed_at]
    _write_down(Alert.objects.all(), there, lost, now)
    over: dict[int, list[int]] = {}
    for each in lost:
        if each.absent_since is not None and now - each.absent_since >= ABSENT:
            over.setdefault(each.group_id, []).append(each.pk)
    return over


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


@transaction.atomic
def _end_alerts(pk: int, alerts: Sequence[int], now: datetime) -> None:
    """End some of a group's alerts, unless a delivery spoke of them meanwhile, or no other one fires any more."""
    group = AlertGroup.objects.select_for_update().filter(pk=pk, state=AlertGroup.State.FIRING).first()
    if group is None:
        return
    firing = group.alerts.filter(state=AlertGroup.State.FIRING)
    over = list(firing.filter(pk__in=alerts, absent_since__lte=now - ABSENT).values_list("pk", flat=True))
    if over and firing.exclude(pk__in=over).exists():
        end_alerts(group, over, now=now)
        show_group(group, now=now)
