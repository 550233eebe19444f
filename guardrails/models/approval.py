"""A person's decision on one exact action. First decision wins; nothing decided is ever decided again."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Approval(models.Model):
    """Waits for a decision until it expires. `subject_hash` binds it to exactly what will run."""

    class State(models.TextChoices):
        """Where the decision stands."""

        WAITING = "waiting", "Waiting"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Expired"

    key = models.CharField(max_length=16, unique=True, help_text="Random; all that a button carries.")
    kind = models.CharField(max_length=32, help_text="Who resumes it, such as tool_call.")
    subject_hash = models.CharField(max_length=64, help_text="SHA-256 of exactly what was asked for.")
    summary = models.TextField(help_text="What the deciding person reads.")
    requested_by = models.CharField(max_length=64)
    allowed = models.JSONField(default=list, help_text="Subjects that may decide, such as contact:7.")
    role = models.CharField(max_length=16, default="operator", help_text="Or anybody with this role.")
    session_ref = models.CharField(max_length=64, blank=True)
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        """The partial index serves the expiry job, the one by person the removal of what is kept about them."""

        ordering = ["-id"]
        indexes = [
            models.Index(fields=["expires_at"], name="approval_waiting", condition=models.Q(state="waiting")),
            models.Index(fields=["session_ref", "kind"], name="approval_of_session"),
            models.Index(fields=["requested_by"], name="approval_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} ({self.state})"
