"""Alerts of our own, which go the way of those from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from runbooks.alerts.groups import take_news
from runbooks.alerts.payload import AlertNews, GroupNews, fingerprint_of
from runbooks.alerts.showing import show_outcome
from runbooks.alerts.sources import SOURCE, key_of
from runbooks.models import AlertGroup, MonitoredSystem


@transaction.atomic
def raise_alert(
    group_key: str, labels: Mapping[str, str], *, title: str, system: MonitoredSystem | None, now: datetime
) -> AlertGroup | None:
    """Raise an alert, which begins anew where it fires already; return its group."""
    return _take(group_key, labels, {"summary": title}, firing=True, system=system, now=now)


@transaction.atomic
def settle(
    group_key: str, labels: Mapping[str, str], *, system: MonitoredSystem | None, now: datetime
) -> AlertGroup | None:
    """Say that an alert of ours is over; None when it never fired."""
    group = AlertGroup.objects.filter(key=key_of(SOURCE, group_key), state=AlertGroup.State.FIRING).first()
    return _take(group_key, labels, group.annotations, firing=False, system=system, now=now) if group else None


def _take(
    group_key: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    *,
    firing: bool,
    system: MonitoredSystem | None,
    now: datetime,
) -> AlertGroup | None:
    """Take it in as if it had been delivered."""
    texts, notes = dict(labels), dict(annotations)
    alert = AlertNews(
        fingerprint=fingerprint_of(texts),
        firing=firing,
        labels=texts,
        annotations=notes,
        generator_url="",
        starts_at=now,
        ends_at=None if firing else now,
    )
    news = GroupNews(group_key=group_key, alerts=(alert,), group_labels=texts, labels=texts, annotations=notes)
    outcome = take_news(news, now=now, source=SOURCE, system=system)
    show_outcome(outcome, now=now)
    return outcome.group
