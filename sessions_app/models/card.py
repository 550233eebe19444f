"""One message in a chat that changes in place: an alert, a run. Who has it writes data; bots find the words."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.outbox import Outbox
from sessions_app.models.session import Session


class Card(models.Model):
    """What is to be seen, and what was last queued for it.

    `version` grows with every change; `changed` says that nothing was queued for the newest one. `ring` asks for a
    message of its own at the next look. `outbox` carries the last version that was queued, and `remote_ids` are the
    platform's ids of the message as it stands in the chat.
    """

    class Ring(models.TextChoices):
        """How the next version comes: as an edit, as a new message, or as a new one in place of the old."""

        NO = "", "Edit"
        NEW = "new", "New message"
        MOVE = "move", "New message instead of the old one"

    key = models.CharField(max_length=120, unique=True, help_text="The owner's name for it.")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="cards")
    kind = models.CharField(max_length=32, help_text="Who renders it.")
    data = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed = models.BooleanField(default=True)
    ring = models.CharField(max_length=4, choices=Ring.choices, default=Ring.NEW, blank=True)
    silent = models.BooleanField(default=False, help_text="New messages make no sound.")
    outbox = models.ForeignKey(Outbox, null=True, blank=True, on_delete=models.SET_NULL, related_name="cards")
    remote_ids = models.JSONField(default=list, blank=True)
    message_id = models.BigIntegerField(null=True, blank=True, help_text="The row that a transcript shows.")
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The partial index serves the look for what has changed, the one by session open pages."""

        ordering = ["-id"]
        indexes = [
            models.Index(fields=["changed_at"], name="card_changed", condition=models.Q(changed=True)),
            models.Index(fields=["changed_at"], name="card_age"),
            models.Index(fields=["session", "changed_at"], name="card_of_session"),
        ]

    def __str__(self) -> str:
        return f"{self.key} v{self.version}"
