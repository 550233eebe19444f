"""Files that came with messages. The bytes lie under CLAW_HOME/media by a name of ours; the sender's name is data."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.session import Session


class Attachment(models.Model):
    """One file. Fetched when it is first needed, within the platform's limits."""

    class State(models.TextChoices):
        """Whether we have the bytes."""

        REMOTE = "remote", "On the platform"
        STORED = "stored", "Stored"
        REFUSED = "refused", "Refused"

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="attachments")
    message_seq = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=10, help_text="photo, document, voice, audio, video")
    name = models.CharField(max_length=255, blank=True)
    mime = models.CharField(max_length=100, blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes, as the platform says, then as stored.")
    ref = models.CharField(max_length=300, blank=True, help_text="The platform's file id.")
    path = models.CharField(max_length=200, blank=True, help_text="Relative to the media folder.")
    sha256 = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.REMOTE)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Serves the files of one message."""

        ordering = ["id"]
        indexes = [models.Index(fields=["session", "message_seq"], name="attachment_of_message")]

    def __str__(self) -> str:
        return self.name or self.kind
