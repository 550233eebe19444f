"""Statements worth keeping about a session, each with its source. A correction supersedes, it never overwrites."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.session import Session


class Fact(models.Model):
    """One statement. Only active facts are retrieved."""

    class State(models.TextChoices):
        """Whether it still holds."""

        ACTIVE = "active", "Active"
        SUPERSEDED = "superseded", "Superseded"
        FORGOTTEN = "forgotten", "Forgotten"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="facts")
    text = models.CharField(max_length=500)
    norm = models.CharField(max_length=500, help_text="Folded text, for finding the same statement again.")
    kind = models.CharField(max_length=10, default="durable", help_text="permanent, durable or ephemeral")
    origin = models.CharField(max_length=10, default="extracted", help_text="extracted, tool or command")
    confidence = models.FloatField(default=1.0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ACTIVE)
    supersedes = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    source_seq = models.PositiveIntegerField(null=True, blank=True, help_text="The message it comes from.")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """The same statement is active once in a session."""

        constraints = [
            models.UniqueConstraint(fields=["session", "norm"], name="fact_once", condition=models.Q(state="active")),
        ]
        indexes = [models.Index(fields=["session", "state"], name="fact_active")]

    def __str__(self) -> str:
        return self.text
