"""What of alerts is old enough to go. A group goes with its alerts, its timeline and its notices."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from runbooks.models import AlertGroup, AlertWebhook

WEBHOOK_DAYS = 14
GROUP_DAYS = 365


def old_webhooks() -> QuerySet[AlertWebhook]:
    """Return the deliveries that were worked on so long ago."""
    old = timezone.now() - timedelta(days=WEBHOOK_DAYS)
    return AlertWebhook.objects.exclude(state=AlertWebhook.State.NEW).filter(received_at__lt=old)


def old_groups() -> QuerySet[AlertGroup]:
    """Return the groups that ended so long ago."""
    old = timezone.now() - timedelta(days=GROUP_DAYS)
    return AlertGroup.objects.filter(state=AlertGroup.State.RESOLVED, resolved_at__lt=old)
