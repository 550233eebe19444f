"""Where alerts are shown: subscriptions of chats, each group in each chat, storms of a chat, silences."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from runbooks.alerts.matching import find_matcher_mistake
from runbooks.models.alert import AlertGroup
from runbooks.models.system import MonitoredSystem
from sessions_app.models import Session


class AlertSubscription(models.Model):
    """Which alerts a chat is shown: at least this severity, of this system, with labels that fit every matcher.

    In quiet hours, by the chat's clock, what is not critical waits for their end.
    """

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="alert_subscriptions")
    least = models.CharField(
        "least severity", max_length=8, choices=AlertGroup.Severity.choices, default=AlertGroup.Severity.INFO
    )
    system = models.ForeignKey(
        MonitoredSystem, null=True, blank=True, on_delete=models.CASCADE, related_name="alert_subscriptions"
    )
    matchers = models.JSONField(
        default=list, blank=True, help_text='Such as ["team=payments", "env!=test"]; * stands for any text.'
    )
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_by = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """A chat may have several; there are few of them in all."""

        verbose_name = "alert subscription"
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.least} {' '.join(self.matchers)}".strip()

    def clean(self) -> None:
        """Say which condition cannot be read."""
        if mistake := find_matcher_mistake(self.matchers):
            raise ValidationError({"matchers": mistake})

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"alertsubscription:{self.pk}"


class AlertStorm(models.Model):
    """So many new groups in one chat that one message stands for all that follow, until it is calm again."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="alert_storms")
    started_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One at a time in a chat; the index serves the removal of what is old."""

        verbose_name = "alert storm"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["session"], name="alert_storm_open", condition=models.Q(ended_at__isnull=True)
            )
        ]
        indexes = [
            models.Index(fields=["ended_at"], name="alert_storm_ended", condition=models.Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class AlertNotice(models.Model):
    """A group in a chat: a message of its own, a line of a storm, or held back until the quiet hours are over."""

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="notices")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="alert_notices")
    storm = models.ForeignKey(AlertStorm, null=True, blank=True, on_delete=models.SET_NULL, related_name="notices")
    held_until = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0, help_text="How often showing it failed.")
    created_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One for each group and chat; the indexes serve counts of what came and rang, and the end of quiet hours."""

        verbose_name = "alert notice"
        constraints = [models.UniqueConstraint(fields=["group", "session"], name="alert_notice_once")]
        indexes = [
            models.Index(fields=["session", "created_at"], name="alert_notice_new"),
            models.Index(fields=["session", "rung_at"], name="alert_notice_rung"),
            models.Index(fields=["held_until"], name="alert_notice_held", condition=models.Q(held_until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} in {self.session_id}"

    @property
    def card_key(self) -> str:
        """The name of its message."""
        return f"alert:{self.group_id}:{self.session_id}"


class AlertSilence(models.Model):
    """A silence that somebody asked for: made in Alertmanager by a job, and kept on the group's key meanwhile.

    It holds for the key, so an alert that ends and comes back stays silent.
    """

    class State(models.TextChoices):
        """Where it stands. `local`: there is no Alertmanager to tell, so only our own messages are silent."""

        WANTED = "wanted", "Wanted"
        ACTIVE = "active", "Active"
        LOCAL = "local", "Active here only"
        FAILED = "failed", "Failed"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Over"

    group = models.ForeignKey(AlertGroup, on_delete=models.CASCADE, related_name="silences")
    key = models.CharField(max_length=64, editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WANTED)
    matchers = models.JSONField(default=dict, help_text="Label names and values that the silence is for.")
    remote_id = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When Alertmanager was first asked to make it; noted before it was asked."
    )
    error = models.CharField(max_length=300, blank=True)
    created_by = models.CharField(max_length=64)
    created_name = models.CharField(max_length=200, blank=True)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()

    class Meta:
        """The indexes serve the question whether a key is silent, and the look for silences that are over."""

        verbose_name = "silence"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["key", "ends_at"], name="alert_silence_key"),
            models.Index(fields=["state", "ends_at"], name="alert_silence_state"),
        ]

    def __str__(self) -> str:
        return f"{self.group_id} until {self.ends_at:%Y-%m-%d %H:%M}"


class Heartbeat(models.Model):
    """An alert that always fires (Watchdog), so that its silence tells that the monitoring itself is down."""

    key = models.CharField(max_length=64, unique=True, editable=False)
    name = models.CharField(max_length=200, help_text="The alert, and what tells it from others.")
    labels = models.JSONField(default=dict, blank=True, editable=False)
    system = models.ForeignKey(MonitoredSystem, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    every_seconds = models.PositiveIntegerField(
        default=900, help_text="Longer silence is an alert. More than Alertmanager's repeat_interval for it."
    )
    last_at = models.DateTimeField(default=timezone.now)
    missing = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)

    class Meta:
        """There are as many as there are monitoring systems."""

        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
