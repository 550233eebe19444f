"""People on the far side of a channel, and the codes by which they become known."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from guardrails.types import Actor, Role
from sessions_app.models.channel import Channel


class Contact(models.Model):
    """A person as one channel knows them. Contacts that share a user are the same person."""

    class State(models.TextChoices):
        """Whether the person may talk to the bot."""

        PENDING = "pending", "Waiting for approval"
        APPROVED = "approved", "Approved"
        BLOCKED = "blocked", "Blocked"

    class RoleChoice(models.TextChoices):
        """Roles that an approved contact may have."""

        VIEWER = "viewer", "Viewer"
        OPERATOR = "operator", "Operator"
        ADMIN = "admin", "Admin"

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="contacts")
    external_id = models.CharField(max_length=64)
    name = models.CharField(max_length=200, blank=True)
    username = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=8, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    role = models.CharField(max_length=8, choices=RoleChoice.choices, default=RoleChoice.VIEWER)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="contacts"
    )
    refusals = models.PositiveIntegerField(default=0, help_text="Answers given while not approved.")
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row for each person of a channel. The partial index serves the removal of strangers of long ago."""

        constraints = [models.UniqueConstraint(fields=["channel", "external_id"], name="contact_once")]
        indexes = [models.Index(fields=["seen_at"], name="contact_pending", condition=models.Q(state="pending"))]

    def __str__(self) -> str:
        return self.name or self.username or self.external_id

    @property
    def subject(self) -> str:
        """The string by which guards, approvals and the audit log name this contact."""
        return f"contact:{self.pk}"

    @property
    def person(self) -> str:
        """The string by which guards know the person: contacts of one user share limits and what they asked for."""
        return f"user:{self.user_id}" if self.user_id else self.subject

    @property
    def actor(self) -> Actor:
        """Who this contact is to the guards: a stranger until approved."""
        role = Role(self.role) if self.state == self.State.APPROVED else Role.STRANGER
        return Actor(subject=self.person, role=role, name=str(self))


class Pairing(models.Model):
    """A code shown to an unknown person, who tells it to an admin, who approves it. Knowing it opens nothing."""

    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, related_name="pairings")
    code = models.CharField(max_length=8, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=64, blank=True)

    class Meta:
        """Newest first."""

        ordering = ["-id"]

    def __str__(self) -> str:
        return self.shown

    @property
    def shown(self) -> str:
        """The code as people see it: ABCD-2345."""
        return f"{self.code[:4]}-{self.code[4:]}"
