"""Alerts from outside: deliveries as they came, the groups and alerts made of them, and what happened to each group.

Labels and annotations are other people's text: kept whole here, cut and shown as plain text elsewhere.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.incident import Incident
from runbooks.models.system import MonitoredSystem


class AlertWebhook(models.Model):
    """One delivery, stored before it is acknowledged and worked on by any worker, once."""

    class State(models.TextChoices):
        """What became of it."""

        NEW = "new", "New"
        DONE = "done", "Done"
        BAD = "bad", "Given up"

    body = models.TextField()
    source = models.CharField(max_length=64, blank=True, help_text="The system that its address named.")
    origin = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    next_at = models.DateTimeField(null=True, blank=True, help_text="Before this it is not tried again.")
    outcome = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """The partial index serves the worker's look at what is new; the other one, the removal of what is old."""

        verbose_name = "alert webhook"
        indexes = [
            models.Index(fields=["id"], name="alert_webhook_new", condition=models.Q(state="new")),
            models.Index(fields=["received_at"], name="alert_webhook_received"),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.state}"


class AlertGroup(models.Model):
    """One opening of a group of Alertmanager: from its first firing alert until none fires any more.

    `key` stands for Alertmanager's groupKey and the address it was sent to. While it fires there is one row for a key;
    when it fires again soon after its end the same row opens again, later there is a new one.
    """

    class State(models.TextChoices):
        """Whether any alert of it fires."""

        FIRING = "firing", "Firing"
        RESOLVED = "resolved", "Resolved"

    class Severity(models.TextChoices):
        """How bad it is; the words people put into labels are mapped to these."""

        CRITICAL = "critical", "Critical"
        WARNING = "warning", "Warning"
        INFO = "info", "Information"

    key = models.CharField(max_length=64, editable=False)
    group_key = models.TextField()
    system = models.ForeignKey(
        MonitoredSystem, null=True, blank=True, on_delete=models.SET_NULL, related_name="alert_groups"
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.FIRING)
    severity = models.CharField(max_length=8, choices=Severity.choices, default=Severity.WARNING)
    title = models.CharField(max_length=300)
    labels = models.JSONField(default=dict, help_text="The labels that all its alerts share.")
    annotations = models.JSONField(default=dict, help_text="The annotations that all its alerts share.")
    group_labels = models.JSONField(default=dict, help_text="The labels it is grouped by.")
    firing = models.PositiveIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0)
    truncated = models.PositiveIntegerField(default=0, help_text="Alerts that Alertmanager left out of the delivery.")
    deliveries = models.PositiveIntegerField(default=0)
    openings = models.PositiveIntegerField(default=1, help_text="More than one: it fired again soon after its end.")
    acked_by = models.CharField(max_length=64, blank=True)
    acked_name = models.CharField(max_length=200, blank=True)
    acked_at = models.DateTimeField(null=True, blank=True)
    remind_at = models.DateTimeField(null=True, blank=True)
    reminders = models.PositiveSmallIntegerField(default=0)
    remind_failures = models.PositiveSmallIntegerField(default=0, help_text="How often reminding failed in a row.")
    started_at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True, blank=True)
    heard_at = models.DateTimeField(default=timezone.now, help_text="The last delivery about it.")
    listed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the system's Alertmanager first had it in its own list."
    )
    absent_since = models.DateTimeField(null=True, blank=True, help_text="Since when that list is without it.")
    stale_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was marked as one of which there has been no news for long."
    )
    incident = models.ForeignKey(
        Incident, null=True, blank=True, on_delete=models.SET_NULL, related_name="alert_groups"
    )

    class Meta:
        """The constraint keeps one open group for each key; the indexes serve the look by key, the clock, the end."""

        verbose_name = "alert group"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["key"], name="alert_group_open", condition=models.Q(state="firing")),
        ]
        indexes = [
            models.Index(fields=["key", "-id"], name="alert_group_key"),
            models.Index(fields=["state", "-id"], name="alert_group_state"),
            models.Index(fields=["remind_at"], name="alert_group_remind", condition=models.Q(remind_at__isnull=False)),
            models.Index(fields=["heard_at"], name="alert_group_heard", condition=models.Q(state="firing")),
            models.Index(fields=["state", "resolved_at"], name="alert_group_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.severity} {self.title}"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"alertgroup:{self.pk}"

    @property
    def is_critical(self) -> bool:
        """Whether it may wake people."""
        return self.severity == self.Severity.CRITICAL


class Alert(models.Model):
    """One alert of a group by its fingerprint, as the newest delivery about it says."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="alerts")
    fingerprint = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=AlertGroup.State.choices)
    severity = models.CharField(max_length=8, choices=AlertGroup.Severity.choices)
    labels = models.JSONField(default=dict)
    annotations = models.JSONField(default=dict)
    generator_url = models.TextField(blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)
    listed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the system's Alertmanager first had it in its own list."
    )
    absent_since = models.DateTimeField(null=True, blank=True, help_text="Since when that list is without it.")

    class Meta:
        """An alert is once in a group."""

        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["group", "fingerprint"], name="alert_once")]

    def __str__(self) -> str:
        return f"{self.labels.get('alertname', self.fingerprint)} {self.state}"


class AlertEvent(models.Model):
    """What happened to a group, in order: what came in, who did what, whom it was escalated to.

    `kind` is a word of `runbooks.alerts.timeline`, `data` what belongs to it; people read both as a sentence elsewhere.
    """

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=32)
    text = models.CharField(max_length=500, blank=True)
    actor = models.CharField(max_length=200, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        """Read group by group, in order."""

        verbose_name = "alert event"
        ordering = ["id"]
        indexes = [models.Index(fields=["group", "id"], name="alert_event_order")]

    def __str__(self) -> str:
        return f"{self.at:%H:%M} {self.kind}"
