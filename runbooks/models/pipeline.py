"""Where a project's pipelines run, what is known of each, and deliveries of webhooks as they came.

Names, branches and addresses of pipelines are other people's text: bounded when they are read, shown as plain text.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from clawsite.core.crypto import EncryptedTextField
from clawsite.core.models import BreakerRow
from runbooks.models.job import Job
from runbooks.models.project import Project
from runbooks.workspaces.pipelines.checking import find_mistakes
from runbooks.workspaces.pipelines.values import OVER, State


class ForgeConnection(BreakerRow):
    """The forge of a project. Only admins make one; its secrets are written in the admin pages and never shown."""

    class Kind(models.TextChoices):
        """Who it is. One that only tells us things is generic."""

        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        GENERIC = "generic", "Other (webhook only)"

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="forge")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    api_url = models.CharField("API address", max_length=300, blank=True, help_text="Empty: that of the public one.")
    repository = models.CharField(max_length=300, blank=True, help_text="OWNER/NAME, or GROUP/NAME.")
    workflow = models.CharField(max_length=100, blank=True, help_text="GitHub: what /pipeline start runs: ci.yml.")
    token = EncryptedTextField(blank=True, default="", editable=False)
    webhook_secret = EncryptedTextField(blank=True, default="", editable=False)
    enabled = models.BooleanField(default=True, help_text="Off: nothing is asked and nothing is taken.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """There are few of them."""

        ordering = ["project__name"]
        verbose_name = "forge connection"

    def __str__(self) -> str:
        return f"{self.project.name}: {self.get_kind_display()}"

    def clean(self) -> None:
        """Say of each field what is wrong with it."""
        mistakes: dict[str, Any] = find_mistakes(self)
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"forgeconnection:{self.pk}"


class Pipeline(models.Model):
    """One pipeline, whoever runs it, as it was heard of last.

    `stages` are those of `workspaces.pipelines.values`. `attempt` counts its runs: what fails twice is told twice.
    From `due_at` on, whoever moves it on asks the forge how it stands.
    """

    class Provider(models.TextChoices):
        """Who runs it."""

        GITHUB = "github", "GitHub"
        GITLAB = "gitlab", "GitLab"
        GENERIC = "generic", "Other"
        LOCAL = "local", "Here"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="pipelines")
    provider = models.CharField(max_length=8, choices=Provider.choices)
    external_id = models.CharField(max_length=64)
    name = models.CharField(max_length=120, blank=True)
    ref = models.CharField(max_length=200, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=10, choices=[(each.value, each.value) for each in State], default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=1)
    stages = models.JSONField(default=list, blank=True)
    url = models.CharField(max_length=500, blank=True)
    started_by = models.CharField(max_length=200, blank=True)
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="pipeline")
    changed_at = models.DateTimeField(null=True, blank=True, help_text="When the provider says it changed last.")
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    heard_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Once for each id of a provider; the partial index serves the look at what is due."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "provider", "external_id"], name="pipeline_once"),
        ]
        indexes = [
            models.Index(fields=["project", "-id"], name="pipeline_of_project"),
            models.Index(fields=["due_at"], name="pipeline_due", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id} {self.state}"

    @property
    def ref_string(self) -> str:
        """The string by which the audit log names it."""
        return f"pipeline:{self.pk}"

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state in OVER


class CiDelivery(models.Model):
    """One delivery of a webhook, stored before it is acknowledged and worked on by any worker, once."""

    class State(models.TextChoices):
        """What became of it."""

        NEW = "new", "New"
        DONE = "done", "Done"
        BAD = "bad", "Given up"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=8, choices=ForgeConnection.Kind.choices)
    delivery_id = models.CharField(max_length=100)
    event = models.CharField(max_length=64, blank=True)
    body = models.TextField()
    origin = models.CharField(max_length=64, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """A delivery that is sent again is the same row; the partial index serves the look at what is new."""

        verbose_name = "CI delivery"
        verbose_name_plural = "CI deliveries"
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["project", "delivery_id"], name="ci_delivery_once")]
        indexes = [
            models.Index(fields=["id"], name="ci_delivery_new", condition=models.Q(state="new")),
            models.Index(fields=["received_at"], name="ci_delivery_received"),
        ]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M:%S} {self.kind} {self.event}"
