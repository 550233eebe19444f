"""What the model does to a project, job by job."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.job import Job
from runbooks.models.project import Project
from sessions_app.models import Session


class CodeRun(models.Model):
    """One /code. Its job has the state; the branch holds the commits until they are merged or thrown away.

    `agent` is where the conversation with the model stands, so that another process can go on with it. `base` is the
    commit it began from, `head` its newest one, `merged` the commit of the default branch that brought it there.
    """

    class Outcome(models.TextChoices):
        """What became of the changes."""

        OPEN = "open", "Being made"
        NOTHING = "nothing", "Nothing changed"
        MERGED = "merged", "Merged"
        KEPT = "kept", "On its branch"
        UNDONE = "undone", "Undone"
        DROPPED = "dropped", "Thrown away"

    class Reason(models.TextChoices):
        """Why changes are on their branch only."""

        NONE = "", "–"
        UNFINISHED = "unfinished", "It did not come to its end"
        TESTS = "tests", "Tests fail"
        UNTESTED = "untested", "There are no tests"
        GUARDED = "guarded", "Changes what decides on commands or pipelines"
        CONFLICT = "conflict", "Conflict"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="code_runs")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="code_run")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="code_runs")
    earlier = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="later")
    request = models.TextField()
    requested_by = models.CharField(max_length=64)
    requested_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=16, blank=True)
    base = models.CharField(max_length=64, blank=True)
    head = models.CharField(max_length=64, blank=True)
    merged = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.OPEN)
    reason = models.CharField(max_length=10, choices=Reason.choices, blank=True, default=Reason.NONE)
    conflicts = models.JSONField(default=list, blank=True)
    files = models.JSONField(default=list, blank=True, help_text="Path, lines added and lines removed of each file.")
    tests = models.JSONField(default=dict, blank=True, help_text="How the last tests went, and on which commit.")
    summary = models.TextField(blank=True)
    notice = models.TextField(blank=True, help_text="Why the answer is missing or not whole.")
    agent = models.JSONField(default=dict, blank=True)
    tainted = models.BooleanField(default=False)
    model = models.CharField(max_length=100, blank=True)
    steps = models.PositiveIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=10, decimal_places=6, default=0)
    created_at = models.DateTimeField(default=timezone.now)
    spent_at = models.DateTimeField(default=timezone.now, help_text="When it last cost something.")

    class Meta:
        """The index on the day serves the budget of the day."""

        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "-id"], name="code_run_of_project"),
            models.Index(fields=["spent_at"], name="code_run_spent"),
        ]

    def __str__(self) -> str:
        return f"code {self.pk} ({self.outcome})"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"code:{self.pk}"
