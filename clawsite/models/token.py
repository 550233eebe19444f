"""Tokens of the gateway. The secret is shown once; here are its prefix, to recognise it, and its SHA-256."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class TokenQuerySet(models.QuerySet["GatewayToken"]):
    """Questions about tokens."""

    def live(self) -> TokenQuerySet:
        """Those that open a connection now."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)

    def ended_before(self, moment: datetime) -> TokenQuerySet:
        """Those that were revoked or expired before a moment, and that no other was replaced by."""
        return self.filter(Q(revoked_at__lt=moment) | Q(expires_at__lt=moment), replaces=None)


class GatewayToken(models.Model):
    """One token. Rotation makes another row; the old one points to it and stays valid for the overlap."""

    name = models.CharField(max_length=64)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="gateway_tokens"
    )
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=64, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    replaced_by = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="replaces")
    first = models.PositiveBigIntegerField(
        null=True, blank=True, db_index=True, help_text="The first token of a chain of rotations; empty: this one."
    )

    objects = TokenQuerySet.as_manager()

    class Meta:
        """Newest first, as a reader wants them."""

        ordering = ["-id"]
        verbose_name = "gateway token"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @property
    def subject(self) -> str:
        """Who this token is to the audit log."""
        return f"token:{self.pk}"

    @property
    def owner(self) -> str:
        """Whose sessions and jobs its bearer has: the account's, or those of the chain of rotations it belongs to."""
        return f"user:{self.user_id}" if self.user_id else f"token:{self.first or self.pk}"

    @property
    def state(self) -> str:
        """Where it stands: live, rotated (live for a while yet), expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if not self.is_live(timezone.now()):
            return "expired"
        return "rotated" if self.replaced_by_id is not None else "live"

    def is_live(self, now: datetime) -> bool:
        """Tell whether it opens a connection."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
