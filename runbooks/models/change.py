"""Commands that a project's documents define, and the change requests that they made.

What a command did is in git: its branch stays, whatever became of the request.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.job import Job
from runbooks.models.project import Project
from sessions_app.models import Session


class CommandSet(models.Model):
    """The documents of a project as its branch had them at a commit. Only to find commands: who acts reads git again.

    `tree` is git's name for the folder as it was read; while that stays the same, nothing is read again.
    """

    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="command_set")
    commit = models.CharField(max_length=64, blank=True)
    tree = models.CharField(max_length=64, blank=True)
    documents = models.JSONField(default=list, blank=True)
    errors = models.JSONField(default=list, blank=True)
    loaded_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.project_id}: {len(self.documents)}"


class ChangeRequest(models.Model):
    """One commit on a branch of its own, which somebody asked for by a command, on its way to the default branch.

    `policy` is what the document said when it was made. `base` is the commit that the branch began from, `merged` the
    one of the default branch that brought it there.
    """

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        MERGED = "merged", "Merged"
        REJECTED = "rejected", "Rejected"
        EXPIRED = "expired", "Nobody decided in time"
        CLOSED = "closed", "Closed"
        CONFLICT = "conflict", "Conflict"
        MOVED = "moved", "Its branch is not what it was"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="change_requests")
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="change_request")
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    line = models.CharField(max_length=300)
    file = models.CharField(max_length=300)
    title = models.CharField(max_length=300)
    role = models.CharField(max_length=10, help_text="What it takes in the project to merge it.")
    policy = models.JSONField(default=dict)
    branch = models.CharField(max_length=200)
    base = models.CharField(max_length=64)
    commit = models.CharField(max_length=64)
    files = models.JSONField(default=list, help_text="Path, lines added and lines removed of each file.")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    merged = models.CharField(max_length=64, blank=True)
    conflicts = models.JSONField(default=list, blank=True)
    requested_by = models.CharField(max_length=64)
    requested_name = models.CharField(max_length=200, blank=True)
    ended_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first; the index serves the list of what is open in a project."""

        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "state", "-id"], name="change_of_project")]

    def __str__(self) -> str:
        return f"{self.pk} {self.title}"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"change:{self.pk}"
