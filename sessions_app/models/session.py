"""One conversation: a direct chat, a group or a thread, with its own history, facts and settings."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.channel import Channel


class Session(models.Model):
    """Keyed by channel, chat and thread. `epoch` grows with /reset: what an older epoch computed is not committed."""

    class Kind(models.TextChoices):
        """What sort of place it is."""

        DIRECT = "direct", "Direct chat"
        GROUP = "group", "Group"

    class Trigger(models.TextChoices):
        """Which messages the bot answers here."""

        AUTO = "auto", "Automatic"
        ALWAYS = "always", "Every message"
        MENTION = "mention", "Mentions and replies"
        COMMAND = "command", "Commands only"
        OFF = "off", "Nothing"

    class Memory(models.TextChoices):
        """How old history is kept within the budget."""

        TRUNCATE = "truncate", "Keep the newest messages"
        SUMMARIZE = "summarize", "Summarize older messages"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="sessions")
    chat_id = models.CharField(max_length=200)
    thread_id = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DIRECT)
    title = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=8, blank=True, help_text="Empty: the contact's or the default one.")
    time_zone = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=100, blank=True, help_text="Empty: the configured list.")
    trigger = models.CharField(max_length=8, choices=Trigger.choices, default=Trigger.AUTO)
    memory = models.CharField(max_length=10, choices=Memory.choices, default=Memory.SUMMARIZE)
    skills = models.JSONField(default=list, blank=True)
    epoch = models.PositiveIntegerField(default=1)
    last_seq = models.PositiveIntegerField(default=0)
    start_seq = models.PositiveIntegerField(default=0, help_text="/reset moves it: older messages stay, unseen.")
    token_ratio = models.FloatField(default=1.0, help_text="Measured tokens divided by estimated ones.")
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        """One row for each place, whatever races to make it."""

        constraints = [
            models.UniqueConstraint(fields=["channel", "chat_id", "thread_id"], name="session_once"),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.chat_id}"

    @property
    def ref(self) -> str:
        """The string by which records without a foreign key name this session."""
        return f"session:{self.pk}"
