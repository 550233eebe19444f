"""When jobs are started by the clock, and what became of each time that was due."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.job import Job


class Schedule(models.Model):
    """A job to be started again and again, or once. `next_due` is computed when the row is saved and after each run."""

    class When(models.TextChoices):
        """How the times are given."""

        CRON = "cron", "Cron expression"
        EVERY = "every", "Fixed interval"
        AT = "at", "Once"

    class Missed(models.TextChoices):
        """What happens to a time that passed while nothing ran."""

        SKIP = "skip", "Skip it"
        LATE = "late", "Run once if not too late"
        ONCE = "once", "Run once"

    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=500, blank=True)
    kind = models.CharField(max_length=64)
    params = models.JSONField(default=dict, blank=True)
    when = models.CharField(max_length=8, choices=When.choices, default=When.CRON)
    cron = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: TIME_ZONE.")
    every_seconds = models.PositiveIntegerField(null=True, blank=True)
    at = models.DateTimeField(null=True, blank=True)
    missed = models.CharField(max_length=8, choices=Missed.choices, default=Missed.LATE)
    late_minutes = models.PositiveIntegerField(default=360)
    enabled = models.BooleanField(default=True)
    next_due = models.DateTimeField(null=True, blank=True, editable=False)
    last_due = models.DateTimeField(null=True, blank=True, editable=False)
    error = models.CharField(max_length=500, blank=True, editable=False)
    owner = models.CharField(max_length=64, default="system", editable=False)
    source = models.JSONField(default=dict, blank=True, editable=False, help_text="What a program gave, as it was.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """The partial index serves the tick."""

        ordering = ["name"]
        indexes = [
            models.Index(fields=["next_due"], name="schedule_due", condition=models.Q(enabled=True)),
            models.Index(fields=["owner", "id"], name="schedule_of_owner"),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleRun(models.Model):
    """What became of one due time. The constraint makes it one run for each, whoever ticks."""

    class Outcome(models.TextChoices):
        """What was done about it."""

        STARTED = "started", "Started"
        SKIPPED = "skipped", "Skipped: too late"
        FAILED = "failed", "Could not be started"

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="runs")
    due_at = models.DateTimeField()
    at = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedule_runs")
    error = models.CharField(max_length=500, blank=True)
    by_hand = models.BooleanField(default=False)

    class Meta:
        """One row for each due time; newest first, schedule by schedule."""

        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["schedule", "due_at"], name="schedule_run_once")]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="schedule_run_newest"),
            models.Index(fields=["at"], name="schedule_run_at"),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at:%Y-%m-%d %H:%M} {self.outcome}"
