"""What the system found wrong with itself, from when to when, and who was told."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class SelfAlert(models.Model):
    """One trouble of one thing. It is closed when it was not seen for a while, and opened again when it is soon back.

    `data` are the numbers that are worded where they are shown. `chats` and `mail` say what people were last told.
    """

    class Severity(models.TextChoices):
        """How bad it is."""

        WARNING = "warning", "Warning"
        CRITICAL = "critical", "Critical"

    class Told(models.TextChoices):
        """What was told last."""

        NOTHING = "", "Nothing"
        OPEN = "open", "That it is open"
        CLOSED = "closed", "That it is over"

    check_name = models.CharField("check", max_length=24)
    subject = models.CharField(max_length=220, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    data = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    returns = models.PositiveIntegerField(default=0, help_text="How often it came back soon after its end.")
    chats = models.CharField(max_length=6, choices=Told.choices, default=Told.NOTHING, blank=True)
    mail = models.CharField(max_length=6, choices=Told.choices, default=Told.NOTHING, blank=True)
    rang_at = models.DateTimeField(null=True, blank=True, help_text="When chats were first told.")

    class Meta:
        """One open row for each thing; the other index finds what closed lately."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["check_name", "subject"], name="self_alert_open", condition=models.Q(closed_at__isnull=True)
            )
        ]
        indexes = [models.Index(fields=["closed_at"], name="self_alert_closed")]

    def __str__(self) -> str:
        return f"{self.check_name} {self.subject}".strip()

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.closed_at is None
