"""What the guards said. Text that was looked at is not kept here: the inbox row has it."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class VerdictRecord(models.Model):
    """One verdict that was not a plain allow."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    stage = models.CharField(max_length=16)
    rule = models.CharField(max_length=64)
    action = models.CharField(max_length=8)
    score = models.FloatField(default=1.0)
    detail = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=64, blank=True, help_text="Whose text it was, such as contact:7.")
    session_ref = models.CharField(max_length=64, blank=True, db_index=True)
    trace_id = models.CharField(max_length=32, blank=True)

    class Meta:
        """Newest first; filtered by action in the admin, found by the person who is forgotten."""

        verbose_name = "verdict"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["action", "-id"], name="verdict_by_action"),
            models.Index(fields=["subject"], name="verdict_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.stage} {self.rule}: {self.action}"
