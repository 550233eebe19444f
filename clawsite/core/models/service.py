"""How asking something outside goes: the fields of a breaker, and a row for each service that has none of its own."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class BreakerRow(models.Model):
    """A breaker that is a row, because jobs are processes of their own; `clawsite.core.breaker` changes it.

    `failures` in a row open it: until `open_until` nobody asks, then one call may try.
    """

    error = models.CharField(max_length=300, blank=True, editable=False, help_text="Why it does not answer.")
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    open_until = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        """Fields only."""

        abstract = True


class ServiceState(BreakerRow):
    """A service that no other row stands for: a model, a platform's API, a mail server, a store of backups."""

    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=200)
    error_kind = models.CharField(max_length=32, blank=True, help_text="What kind of failure the last one was.")
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One for each service."""

        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="service_state_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
