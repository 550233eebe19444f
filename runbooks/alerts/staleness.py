"""Marks groups of which nothing was heard for long and that no Alertmanager can be asked about.

They may be over and nobody would say so. That is said in their messages, until there is news; after more than a week
without any they are taken for over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from clawsite.core.errors import log_unknown
from runbooks.alerts.groups import Outcome, end_group
from runbooks.alerts.showing import show_group, show_outcome
from runbooks.alerts.sources import SOURCE, key_of
from runbooks.models import AlertGroup, SystemReading

# Alertmanager repeats itself every four hours unless told otherwise; who told it once a day is not doubted yet.
STALE = timedelta(hours=25)
# An Alertmanager forgets within five days whom it told, and tells of what fires again. Only a silence there can be
# longer, and at its end there is news.
LOST = timedelta(days=8)
BATCH = 50


def mark_stale(*, now: datetime) -> int:
    """Mark what has become stale; return how much. One that cannot be shown keeps none of the others waiting."""
    # A list that was read lately vouches for what was in it: what goes missing there is ended.
    asked = SystemReading.objects.filter(source="alertmanager", read_at__gt=now - STALE, system__enabled=True)
    silent = AlertGroup.objects.filter(
        Q(listed_at=None) | ~Q(system__in=asked.values("system")),
        state=AlertGroup.State.FIRING,
        heard_at__lte=now - STALE,
        stale_at=None,
    )
    marked = 0
    for pk in list(silent.order_by("heard_at").values_list("pk", flat=True)[:BATCH]):
        try:
            marked += _mark(pk, now=now)
        except Exception as error:
            log_unknown(error, where=f"the silence about alert group {pk}")
            AlertGroup.objects.filter(pk=pk).update(stale_at=now)  # its message says it at the next change
    return marked


def end_lost(*, now: datetime) -> int:
    """End what was doubted and has had no news since for so long; return how much. What we raised ourselves goes on."""
    foreign = _lost(now).exclude(group_key__startswith=f"{SOURCE}:").order_by("heard_at")
    ended = 0
    for pk in list(foreign.values_list("pk", flat=True)[:BATCH]):
        try:
            ended += _end(pk, now=now)
        except Exception as error:
            log_unknown(error, where=f"the end of alert group {pk}, of which nothing is heard")
    return ended


def _lost(now: datetime) -> QuerySet[AlertGroup]:
    """Return what has had no news for so long, and whose messages have said so for as long as it takes to doubt it.

    What a list vouched for until now is doubted first, as is all of it when clawsite was off for so long.
    """
    return AlertGroup.objects.filter(state=AlertGroup.State.FIRING, heard_at__lte=now - LOST, stale_at__lte=now - STALE)


@transaction.atomic
def _end(pk: int, *, now: datetime) -> bool:
    group = _lost(now).filter(pk=pk).select_for_update().first()
    if group is None:
        return False
    end_group(group, "lost", now=now)
    show_outcome(Outcome(kind="resolved", group=group), now=now)
    return True


@transaction.atomic
def _mark(pk: int, *, now: datetime) -> bool:
    group = AlertGroup.objects.select_for_update().filter(pk=pk, state=AlertGroup.State.FIRING, stale_at=None).first()
    if group is None or now - group.heard_at < STALE:
        return False
    group.stale_at = now
    group.save(update_fields=["stale_at"])
    if not _is_ours(group):
        show_group(group, now=now)
    return True


@transaction.atomic
def take_back(pk: int, *, now: datetime) -> None:
    """Doubt a group no longer, because there is word of it."""
    group = AlertGroup.objects.select_for_update().filter(pk=pk, stale_at__isnull=False).first()
    if group is not None:
        group.stale_at = None
        group.save(update_fields=["stale_at"])
        show_group(group, now=now)


def _is_ours(group: AlertGroup) -> bool:
    """Tell whether it is an alert that we raised, whose end we know."""
    return group.key == key_of(SOURCE, group.group_key)
