"""Another gateway that jobs may be sent to."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField
from runbooks.targets.checking import find_mistakes


class GatewayTarget(models.Model):
    """Where it is, how to get in, and what work it is for. Jobs name it by `name`, so that it keeps its name.

    The token is written here, encrypted, or stays where `token_ref` says. The last three fields are what the
    dispatcher saw: `away_since` is the beginning of an outage that still lasts.
    """

    name = models.SlugField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True, help_text="Off: nothing new is sent there; what it has goes on.")
    ws_url = models.CharField("WebSocket address", max_length=500)
    http_url = models.CharField("address of its pages", max_length=500, blank=True)
    token = EncryptedTextField(blank=True, default="", editable=False)
    token_ref = models.CharField("token reference", max_length=300, blank=True)
    allowed_repos = models.JSONField("repositories", default=list, blank=True)
    labels = models.JSONField(default=list, blank=True)
    kinds = models.JSONField("kinds of job", default=list, blank=True)
    capacity = models.PositiveIntegerField(default=4, help_text="How many jobs it has at once; the others wait here.")
    allow_plain = models.BooleanField("allow an unencrypted public address", default=False)
    ca_file = models.CharField("authority's certificate", max_length=300, blank=True)
    cert_file = models.CharField("our certificate", max_length=300, blank=True)
    key_file = models.CharField("key of our certificate", max_length=300, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    away_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """There are few of them."""

        ordering = ["name"]
        verbose_name = "gateway"

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say of each field what is wrong with it."""
        mistakes: dict[str, Any] = find_mistakes(self)
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"gatewaytarget:{self.pk}"

    @property
    def reach(self) -> str:
        """Return off, unknown (never tried), away or up."""
        if not self.enabled:
            return "off"
        if self.away_since is not None:
            return "away"
        return "up" if self.last_seen_at is not None else "unknown"
