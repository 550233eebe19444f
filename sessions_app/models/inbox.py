"""What came in. A row is committed before the platform is told that we have it, and stays until it is answered."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.channel import Channel


class Inbox(models.Model):
    """One raw update. Rows of one lane are worked on one after the other; being worked on is a lease, not a state."""

    class State(models.TextChoices):
        """What became of it."""

        NEW = "new", "New"
        PARKED = "parked", "Waiting for a decision"
        DONE = "done", "Done"
        DEAD = "dead", "Given up"
        UNPARSED = "unparsed", "Not understood"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="inbox")
    external_id = models.CharField(max_length=100)
    lane = models.CharField(max_length=200, help_text="channel/chat/thread; control rows have a lane of their own.")
    raw = models.TextField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    received_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)

    class Meta:
        """The unique pair makes intake safe to repeat; partial indexes the claim of the oldest new rows,
        what was given up, and what still has its text.
        """

        verbose_name_plural = "inbox"
        constraints = [models.UniqueConstraint(fields=["channel", "external_id"], name="inbox_once")]
        indexes = [
            models.Index(fields=["id", "lane"], name="inbox_new", condition=models.Q(state="new")),
            models.Index(fields=["received_at"], name="inbox_received"),
            models.Index(fields=["done_at"], name="inbox_dead", condition=models.Q(state="dead")),
            models.Index(fields=["received_at"], name="inbox_text", condition=~models.Q(raw="")),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} ({self.state})"
