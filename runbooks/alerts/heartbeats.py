"""The dead-man's switch: an alert that always fires (Watchdog) is a heartbeat, and its silence is an alert of ours.

It never becomes a message by itself. What we raise goes the way of all alerts: groups, chats, escalation.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from clawsite.core.errors import log_unknown
from runbooks.alerts import raising
from runbooks.alerts.facts import LABEL_CHARS, OWN, OWN_PREFIX, cut
from runbooks.alerts.payload import AlertNews, GroupNews
from runbooks.alerts.sources import SOURCE, find_system, key_of
from runbooks.models import AlertGroup, Heartbeat

# What people call an alert that always fires.
NAMES = frozenset({"Watchdog", "DeadMansSwitch", "DeadMansSnitch"})


def split_heartbeats(news: GroupNews, *, source: str, now: datetime) -> GroupNews | None:
    """Take note of the heartbeats in a delivery, and return it without them; None when nothing else is in it."""
    beats = [each for each in news.alerts if each.labels.get("alertname") in NAMES]
    for each in beats:
        _beat(each, news, source=source, now=now)
    others = tuple(each for each in news.alerts if each.labels.get("alertname") not in NAMES)
    return replace(news, alerts=others) if others or not beats else None


def _beat(alert: AlertNews, news: GroupNews, *, source: str, now: datetime) -> None:
    """Note one heartbeat. Its end means that Prometheus has fallen silent, which is what it is there to tell."""
    key = hashlib.sha256(f"{source}\0{alert.fingerprint}".encode()).hexdigest()
    labels = {name: value for name, value in alert.labels.items() if name != "severity"}
    words = " ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "alertname")
    row, _ = Heartbeat.objects.get_or_create(
        key=key,
        defaults={
            "name": cut(f"{labels['alertname']} {words}", LABEL_CHARS * 2),
            "labels": labels,
            "system": find_system(news, source=source),
            "last_at": now,
        },
    )
    if not alert.firing:
        miss(row, now=now)
        return
    was_missing = Heartbeat.objects.filter(pk=row.pk, missing=True).update(missing=False)
    Heartbeat.objects.filter(pk=row.pk, last_at__lt=now).update(last_at=now)
    if was_missing:
        raising.settle(_group_key(row), _labels(row), system=row.system, now=now)


def check_heartbeats(*, now: datetime, since: datetime) -> int:
    """Raise an alert for each heartbeat that is overdue; return how many. Before `since` nobody listened.

    One that fails keeps none of the others waiting.
    """
    raised = 0
    for row in Heartbeat.objects.filter(enabled=True, missing=False).select_related("system"):
        if now - max(row.last_at, since) > timedelta(seconds=row.every_seconds):
            try:
                raised += miss(row, now=now)
            except Exception as error:
                log_unknown(error, where=f"heartbeat {row.pk}")
    return raised


def settle_unwatched(*, now: datetime) -> int:
    """End the alerts of heartbeats that are switched off or gone, of which no end will be heard; return how many."""
    rows = AlertGroup.objects.filter(state=AlertGroup.State.FIRING, group_key__startswith=OWN_PREFIX)
    ours = [group for group in rows if group.key == key_of(SOURCE, group.group_key)]
    watched = {f"{OWN_PREFIX}{pk}" for pk in Heartbeat.objects.filter(enabled=True).values_list("pk", flat=True)}
    over = [group for group in ours if group.group_key not in watched]
    for group in over:
        try:
            _settle_unwatched(group, now=now)
        except Exception as error:
            log_unknown(error, where=f"alert group {group.pk} of a heartbeat that nobody watches")
    return len(over)


@transaction.atomic
def _settle_unwatched(group: AlertGroup, *, now: datetime) -> None:
    Heartbeat.objects.filter(pk=group.group_key.removeprefix(OWN_PREFIX), enabled=False).update(missing=False)
    raising.settle(group.group_key, group.group_labels, system=group.system, now=now)


@transaction.atomic
def miss(row: Heartbeat, *, now: datetime) -> bool:
    """Raise the alert of a heartbeat that is missing, once: that it is missing is noted only with its alert."""
    fresh = Heartbeat.objects.filter(pk=row.pk, enabled=True, missing=False, last_at=row.last_at).update(missing=True)
    if fresh:
        raising.raise_alert(_group_key(row), _labels(row), title=row.name, system=row.system, now=now)
    return bool(fresh)


def _group_key(row: Heartbeat) -> str:
    return f"{OWN_PREFIX}{row.pk}"


def _labels(row: Heartbeat) -> dict[str, str]:
    return {**row.labels, "alertname": OWN, "severity": "critical"}
