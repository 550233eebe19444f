"""Accounts the bot speaks through, and the groups it may speak in."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField


class Channel(models.Model):
    """A configured account of one kind (telegram, webchat, ...). Its token is encrypted and never shown."""

    class Access(models.TextChoices):
        """What happens to a person nobody knows yet."""

        PAIRING = "pairing", "Ask for approval with a pairing code"
        CLOSED = "closed", "Stay silent"
        OPEN = "open", "Anybody may talk (viewer)"

    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True)
    access = models.CharField(max_length=8, choices=Access.choices, default=Access.PAIRING)
    token = EncryptedTextField(blank=True, default="")
    webhook_secret = EncryptedTextField(blank=True, default="")
    config = models.JSONField(default=dict, blank=True, help_text="Settings of the kind, such as mode and api_url.")
    identity = models.JSONField(default=dict, blank=True, help_text="What the platform says the bot is.")
    commands_hash = models.CharField(max_length=64, blank=True)
    blocked_until = models.DateTimeField(null=True, blank=True, help_text="The platform told us to wait.")
    last_poll_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


class GroupAccess(models.Model):
    """A group the bot was seen in. Groups are off until an admin allows them."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="groups")
    chat_id = models.CharField(max_length=64)
    title = models.CharField(max_length=200, blank=True)
    allowed = models.BooleanField(default=False)
    members = models.ManyToManyField(
        "sessions_app.Contact",
        blank=True,
        related_name="groups",
        help_text="Only these may talk to the bot here; empty means every approved contact.",
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row for each group of a channel."""

        verbose_name = "group"
        constraints = [models.UniqueConstraint(fields=["channel", "chat_id"], name="group_once")]

    def __str__(self) -> str:
        return self.title or self.chat_id
