"""What goes out. Rows are born in the transaction that finishes their cause and sent in order, chat by chat."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.channel import Channel
from sessions_app.models.session import Session


class Outbox(models.Model):
    """One message to send. The dedupe key makes its birth safe to repeat."""

    class State(models.TextChoices):
        """Where it stands. `sending` that outlives its process may have been sent: it is sent again once, marked."""

        NEW = "new", "New"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        DEAD = "dead", "Given up"
        EXPIRED = "expired", "Expired"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="outbox")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.CASCADE, related_name="outbox")
    chat_id = models.CharField(max_length=200)
    thread_id = models.CharField(max_length=64, blank=True)
    dedupe_key = models.CharField(max_length=100, unique=True)
    payload = models.JSONField(help_text="bots.channels.base.OutboundMessage as JSON.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    resent = models.BooleanField(default=False, help_text="Sent again after a crash: may be a duplicate.")
    not_before = models.DateTimeField(default=timezone.now)
    remote_ids = models.JSONField(default=list, blank=True, help_text="The platform's ids of the parts, in order.")
    error = models.CharField(max_length=200, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Partial indexes: the line of a chat, that of an account for the sender, and what was given up."""

        verbose_name_plural = "outbox"
        indexes = [
            models.Index(
                fields=["channel", "chat_id", "id"],
                name="outbox_open",
                condition=models.Q(state__in=["new", "sending"]),
            ),
            models.Index(
                fields=["channel", "id"], name="outbox_line", condition=models.Q(state__in=["new", "sending"])
            ),
            models.Index(fields=["created_at"], name="outbox_created"),
            models.Index(fields=["created_at"], name="outbox_dead", condition=models.Q(state="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.dedupe_key} ({self.state})"
