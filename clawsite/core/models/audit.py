"""Who did what, to what, from where. Rows are only ever added."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """One action. `actor` is a subject string such as `user:3`, `contact:7`, `env` or `system`."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=128, blank=True)
    origin = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        """Newest first, as a reader wants them."""

        ordering = ["-id"]
        indexes = [models.Index(fields=["action", "-id"], name="audit_by_action")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"
