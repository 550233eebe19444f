"""Systems that are watched, what can be asked about them by name, and what was last read from each."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField
from clawsite.core.models import BreakerRow
from runbooks.sources.checking import find_mistakes, find_query_mistakes


class MonitoredSystem(models.Model):
    """Where a system tells how it does. What has no address is not asked.

    `labels` say which alerts are about it: an alert that carries all of them is. `credentials` hold what is sent along,
    source by source, as `runbooks.sources.credentials` reads them.
    """

    name = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=120, blank=True, help_text="As people call it; empty: the name.")
    enabled = models.BooleanField(default=True, help_text="Off: it is neither asked nor shown.")
    labels = models.JSONField(default=dict, blank=True)
    health_url = models.CharField("health address", max_length=500, blank=True)
    stats_url = models.CharField("stats address", max_length=500, blank=True)
    prometheus_url = models.CharField("Prometheus address", max_length=500, blank=True)
    alertmanager_url = models.CharField("Alertmanager address", max_length=500, blank=True)
    credentials = EncryptedTextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """There are few of them."""

        ordering = ["name"]
        verbose_name = "system"

    def __str__(self) -> str:
        return self.title or self.name

    def clean(self) -> None:
        """Say of each field what is wrong with it."""
        mistakes: dict[str, Any] = find_mistakes(self)
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"monitoredsystem:{self.pk}"


class NamedQuery(models.Model):
    """A PromQL expression that people ask for in words. The watched ones are looked at for anomalies."""

    class Briefing(models.TextChoices):
        """What a briefing makes of it."""

        NOTHING = "", "Nothing"
        TRAFFIC = "traffic", "Traffic: a rate per minute, told as a total"
        SUCCESS = "success", "Success: percent, told as an average"
        FAILURES = "failures", "Failures: percent for each label, told when one stands out"

    system = models.ForeignKey(MonitoredSystem, on_delete=models.CASCADE, related_name="queries")
    name = models.SlugField(max_length=64)
    title = models.CharField(max_length=120, blank=True, help_text="As people call it; empty: the name.")
    promql = models.TextField("PromQL", max_length=4000)
    unit = models.CharField(max_length=16, blank=True, help_text="Such as %, ms or /min.")
    words = models.JSONField(default=list, blank=True, help_text="Plain names in any language.")
    watched = models.BooleanField(default=False, help_text="Look for anomalies in it.")
    briefing = models.CharField("in briefings", max_length=8, choices=Briefing.choices, default="", blank=True)

    class Meta:
        """Found by name within a system."""

        ordering = ["system_id", "name"]
        verbose_name = "named query"
        verbose_name_plural = "named queries"
        constraints = [models.UniqueConstraint(fields=["system", "name"], name="named_query_once")]

    def __str__(self) -> str:
        return self.title or self.name

    def clean(self) -> None:
        """Say of each field what is wrong with it."""
        mistakes: dict[str, Any] = find_query_mistakes(self)
        if mistakes:
            raise ValidationError(mistakes)


class SystemReading(BreakerRow):
    """What one source of a system said last, and how asking it goes: one row for each, whoever asks.

    `data` stays what was last read when asking fails. From `due_at` on, whoever moves it on reads the source anew.
    """

    class Source(models.TextChoices):
        """What can be asked."""

        HEALTH = "health", "Health"
        STATS = "stats", "Stats"
        PROMETHEUS = "prometheus", "Prometheus"
        ALERTMANAGER = "alertmanager", "Alertmanager"

    system = models.ForeignKey(MonitoredSystem, on_delete=models.CASCADE, related_name="readings")
    source = models.CharField(max_length=16, choices=Source.choices)
    data = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True, blank=True, help_text="When it was last read.")

    class Meta:
        """One for each source."""

        ordering = ["system_id", "source"]
        constraints = [models.UniqueConstraint(fields=["system", "source"], name="system_reading_once")]

    def __str__(self) -> str:
        return f"{self.system_id} {self.source}"
