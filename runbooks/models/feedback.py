"""What people thought of what was done for them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.job import Job


class Feedback(models.Model):
    """What one person thought of what a job did: a thumb, and the reason if they gave one."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="feedback")
    subject = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    good = models.BooleanField()
    reason = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One opinion of a person on a job; the index serves the week's summary."""

        ordering = ["-id"]
        verbose_name_plural = "feedback"
        constraints = [models.UniqueConstraint(fields=["job", "subject"], name="feedback_once")]
        indexes = [models.Index(fields=["at"], name="feedback_at")]

    def __str__(self) -> str:
        return f"{'👍' if self.good else '👎'} {self.job_id}"
