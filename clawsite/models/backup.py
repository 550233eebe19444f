"""Backups that were made, and whether they can be restored."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Backup(models.Model):
    """One backup. It counts once it is verified: read back from where it is kept, and restored into a scratch place."""

    class State(models.TextChoices):
        """How far it is."""

        RUNNING = "running", "Running"
        STORED = "stored", "Stored, not checked"
        VERIFIED = "verified", "Verified"
        FAILED = "failed", "Failed"
        DELETED = "deleted", "Deleted after its time"

    name = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    reason = models.CharField(max_length=64, blank=True, help_text="Who or what had it made.")
    host = models.CharField(max_length=255, blank=True, help_text="The machine that made it.")
    places = models.JSONField(default=list, blank=True, help_text="Where it is kept.")
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    counts = models.JSONField(default=dict, blank=True, help_text="Rows by table, files, and what was left out.")
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    verified_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        """Newest first; the index finds the last good one."""

        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "-started_at"], name="backup_newest")]

    def __str__(self) -> str:
        return self.name
