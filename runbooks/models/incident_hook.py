"""Outside ticket systems that follow our incidents, and how far each has been told of which."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField
from clawsite.core.errors import ClawError
from guardrails.addresses import parse_target
from runbooks.models.incident import Incident

SECRET_CHARS = 16


class IncidentHook(models.Model):
    """An address that every event of an incident is posted to, signed with the secret.

    `last_error` is why the last event was not taken; empty: it was.
    """

    name = models.SlugField(max_length=64, unique=True)
    enabled = models.BooleanField(
        default=True, help_text="Off: nothing is sent; what was missed comes with the next event."
    )
    url = models.CharField("address", max_length=500)
    secret = EncryptedTextField(blank=True, default="", editable=False)
    least = models.CharField(
        "least severity",
        max_length=2,
        choices=Incident.Severity.choices,
        default=Incident.Severity.P4,
        help_text="Incidents that are less severe are not told.",
    )
    last_sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """There are few of them."""

        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say of each field what is wrong with it."""
        mistakes: dict[str, Any] = {"url": _mistake_in_address(self.url)}
        if len(self.secret) < SECRET_CHARS:
            mistakes["secret"] = f"The secret has at least {SECRET_CHARS} characters; the receiver needs the same one."
        if found := {field: text for field, text in mistakes.items() if text}:
            raise ValidationError(found)


def _mistake_in_address(url: str) -> str:
    try:
        parse_target(url)
    except ClawError as error:
        return error.message
    return "" if "#" not in url else "The address must have no part after #."


class HookDelivery(models.Model):
    """The number of the last event of an incident that a hook has taken."""

    hook = models.ForeignKey(IncidentHook, on_delete=models.CASCADE, related_name="deliveries")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="deliveries")
    seq = models.PositiveIntegerField(default=0)

    class Meta:
        """One for each pair."""

        constraints = [models.UniqueConstraint(fields=["hook", "incident"], name="hook_delivery_once")]

    def __str__(self) -> str:
        return f"{self.hook_id} {self.incident_id} {self.seq}"
