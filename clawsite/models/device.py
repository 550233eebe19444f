"""Devices: programs that prove by a key pair of their own that they are the one that was let in."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone


class DeviceQuerySet(models.QuerySet["GatewayDevice"]):
    """Questions about devices."""

    def waiting(self) -> DeviceQuerySet:
        """Those that ask to be let in, or for more than they have, and were not answered."""
        return self.filter(expires_at__gt=timezone.now()).exclude(code="")


class GatewayDevice(models.Model):
    """One device. What it asks for waits under a code until an admin decides; what it got stays meanwhile."""

    class State(models.TextChoices):
        """Where a device stands."""

        PENDING = "pending", "pending"
        APPROVED = "approved", "approved"
        BLOCKED = "blocked", "blocked"

    device_id = models.CharField(max_length=64, unique=True)
    public_key = models.CharField(max_length=64)
    name = models.CharField(max_length=64, blank=True)
    platform = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    roles = models.JSONField(default=list, blank=True)
    scopes = models.JSONField(default=list, blank=True)
    code = models.CharField(max_length=16, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    requested_role = models.CharField(max_length=32, blank=True)
    requested_scopes = models.JSONField(default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=64, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    objects = DeviceQuerySet.as_manager()

    class Meta:
        """Newest first, as a reader wants them; an open code names one device."""

        ordering = ["-id"]
        verbose_name = "gateway device"
        constraints = [models.UniqueConstraint(fields=["code"], condition=~Q(code=""), name="device_code_is_one")]

    def __str__(self) -> str:
        return self.name or self.device_id[:12]

    @property
    def subject(self) -> str:
        """Who this device is to the audit log."""
        return f"device:{self.pk}"

    @property
    def shown(self) -> str:
        """The code as people read it."""
        return f"{self.code[:4]}-{self.code[4:]}" if self.code else ""
