"""Stretches of a series that were not as usual, and how the watch over each query goes."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from runbooks.models.system import MonitoredSystem, NamedQuery


class AnomalyQuerySet(models.QuerySet["Anomaly"]):
    """The rows that people ask for."""

    def open(self) -> AnomalyQuerySet:
        """Return those that go on."""
        return self.filter(state=Anomaly.State.OPEN)

    def between(self, start: datetime, end: datetime) -> AnomalyQuerySet:
        """Return those that were there at some time from start up to end."""
        return self.filter(Q(ended_at=None) | Q(ended_at__gt=start), started_at__lt=end)


class Anomaly(models.Model):
    """One anomaly of one series of a query, which is named here, so that the row outlives it.

    `seen_at` is the end of the last unusual point: what is not found any more ended there. The scores are those of the
    most unusual point so far, with its value and what was usual then.
    """

    class Kind(models.TextChoices):
        """What is unusual."""

        DROP = "drop", "Drop"
        SPIKE = "spike", "Spike"
        FLAT = "flat", "Stands still"
        MISSING = "missing", "No data"

    class State(models.TextChoices):
        """Whether it goes on."""

        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    system = models.ForeignKey(MonitoredSystem, on_delete=models.CASCADE, related_name="anomalies")
    query = models.SlugField(max_length=64, help_text="The name of the query.")
    title = models.CharField(max_length=120)
    unit = models.CharField(max_length=16, blank=True)
    series = models.CharField(max_length=32, help_text="Which of its series: a digest of the labels.")
    labels = models.JSONField(default=dict, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    zscore = models.FloatField("z-score", default=0.0)
    robust = models.FloatField("robust score", default=0.0, help_text="By the median and its absolute deviation.")
    value = models.FloatField(default=0.0)
    expected = models.FloatField("usual value", default=0.0)
    created_at = models.DateTimeField(default=timezone.now)

    objects = AnomalyQuerySet.as_manager()

    class Meta:
        """One open row for each series and kind, whoever watches; the newest of all and of one system."""

        ordering = ["-started_at", "-id"]
        verbose_name_plural = "anomalies"
        constraints = [
            models.UniqueConstraint(
                fields=["system", "query", "series", "kind"], name="anomaly_open_once", condition=Q(state="open")
            ),
            models.UniqueConstraint(fields=["system", "query", "series", "kind", "started_at"], name="anomaly_once"),
            models.CheckConstraint(
                name="anomaly_ended_when_resolved",
                condition=Q(state="open", ended_at__isnull=True) | Q(state="resolved", ended_at__gte=F("started_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["-started_at"], name="anomaly_newest"),
            models.Index(fields=["ended_at"], name="anomaly_ended", condition=Q(state="resolved")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.query} ({self.state})"

    def lasted(self, now: datetime) -> timedelta:
        """Return how long it was there, until now for one that goes on."""
        return max(timedelta(0), (self.ended_at or now) - self.started_at)


class QueryWatch(models.Model):
    """When a watched query was last looked at, and why that failed. The row is what two workers agree by."""

    query = models.OneToOneField(NamedQuery, on_delete=models.CASCADE, related_name="watch")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When a worker last began to look.")
    looked_at = models.DateTimeField(null=True, blank=True, help_text="Up to when it was judged.")
    error = models.CharField(max_length=300, blank=True, help_text="Why it cannot be judged now; empty: it can.")

    class Meta:
        """One for each query."""

        ordering = ["id"]
        verbose_name_plural = "query watches"

    def __str__(self) -> str:
        return f"watch of {self.query_id}"
