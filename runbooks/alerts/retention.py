"""What of alerts is old enough to go. A group goes with its alerts, its timeline and its notices; then its storm."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from runbooks.models import Alert, AlertGroup, AlertNotice, AlertStorm, AlertWebhook

WEBHOOK_DAYS = 14
GROUP_DAYS = 365
# Longer than any delivery is repeated, so that no late one makes such an alert fire again.
ALERT_DAYS = 14


def old_webhooks() -> QuerySet[AlertWebhook]:
    """Return the deliveries that were worked on so long ago."""
    old = timezone.now() - timedelta(days=WEBHOOK_DAYS)
    return AlertWebhook.objects.exclude(state=AlertWebhook.State.NEW).filter(received_at__lt=old)


def old_groups() -> QuerySet[AlertGroup]:
    """Return the groups that ended so long ago."""
    old = timezone.now() - timedelta(days=GROUP_DAYS)
    return AlertGroup.objects.filter(state=AlertGroup.State.RESOLVED, resolved_at__lt=old)


def old_alerts() -> QuerySet[Alert]:
    """Return the alerts that ended so long ago in groups that fire on: each delivery compares with all of its group."""
    old = timezone.now() - timedelta(days=ALERT_DAYS)
    firing, resolved = AlertGroup.State.FIRING, AlertGroup.State.RESOLVED
    return Alert.objects.filter(group__state=firing, state=resolved, changed_at__lt=old)


def old_storms() -> QuerySet[AlertStorm]:
    """Return the storms that ended so long ago, but for those whose message still stands for a group."""
    old = timezone.now() - timedelta(days=GROUP_DAYS)
    return AlertStorm.objects.filter(~Exists(AlertNotice.objects.filter(storm=OuterRef("pk"))), ended_at__lt=old)
