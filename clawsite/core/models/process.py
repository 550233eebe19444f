"""Running processes and the leases they hold. A lease lives as long as its owner beats, or until it is let go."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Process(models.Model):
    """One run of one role. `started` tells two processes with the same pid apart (clock ticks since boot)."""

    role = models.CharField(max_length=16)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started = models.BigIntegerField()
    started_at = models.DateTimeField(default=timezone.now)
    beat_at = models.DateTimeField(default=timezone.now)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        """One row for each run."""

        verbose_name_plural = "processes"
        constraints = [
            models.UniqueConstraint(fields=["host", "pid", "started"], name="process_once"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.host}:{self.pid}"


class Lease(models.Model):
    """The right to do one thing alone. `token` grows with every holder and fences late commits off."""

    name = models.CharField(max_length=200, primary_key=True)
    owner = models.ForeignKey(Process, null=True, on_delete=models.SET_NULL, related_name="leases")
    token = models.BigIntegerField(default=1)
    taken_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} #{self.token}"
