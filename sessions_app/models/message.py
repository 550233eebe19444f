"""What was said. Messages are never rewritten; compaction adds a summary beside them and moves a cursor."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.contact import Contact
from sessions_app.models.session import Session


class Message(models.Model):
    """One message of a session. Notices (commands and what the bot says about itself) never reach the model."""

    class Role(models.TextChoices):
        """Who speaks."""

        USER = "user", "User"
        ASSISTANT = "assistant", "Assistant"
        NOTICE = "notice", "Notice"
        COMMAND = "command", "Command"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    role = models.CharField(max_length=10, choices=Role.choices)
    contact = models.ForeignKey(Contact, null=True, blank=True, on_delete=models.SET_NULL)
    text = models.TextField(blank=True)
    external_id = models.CharField(max_length=64, blank=True, help_text="The platform's id of the message.")
    data = models.JSONField(default=dict, blank=True, help_text="Attachments, buttons, usage, what was trimmed.")
    tokens = models.PositiveIntegerField(default=0, help_text="Estimated when stored.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """(session, seq) serves every page of history."""

        ordering = ["session", "seq"]
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="message_seq")]
        indexes = [models.Index(fields=["session", "external_id"], name="message_external")]

    def __str__(self) -> str:
        return f"{self.role} {self.seq}"


class Summary(models.Model):
    """What the messages up to `upto_seq` said, in short. The newest one of a session counts."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="summaries")
    upto_seq = models.PositiveIntegerField()
    text = models.TextField()
    tokens = models.PositiveIntegerField(default=0)
    covered_tokens = models.PositiveBigIntegerField(default=0, help_text="Estimated size of all it stands for.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Two processes that compact the same stretch leave one row."""

        verbose_name_plural = "summaries"
        ordering = ["session", "-upto_seq"]
        constraints = [models.UniqueConstraint(fields=["session", "upto_seq"], name="summary_upto")]

    def __str__(self) -> str:
        return f"up to {self.upto_seq}"
