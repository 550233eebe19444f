"""Projects that are worked on from chats: whose they are, who may do what, what was done, and who hears of it.

The files are a git repository below CLAW_HOME (`workspaces.roots`); what it holds is in no row.
"""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from runbooks.models.job import Job
from sessions_app.models import Session

NAME = r"^[a-z0-9][a-z0-9-]{0,62}\Z"


class Project(models.Model):
    """One repository. `owner` is a person's subject, or `group:<pk>` of the group chat that it belongs to.

    `network` lets its commands, which run in the sandbox, use the network; only admins change it.
    """

    class State(models.TextChoices):
        """Whether it can be worked on."""

        MAKING = "making", "Being made"
        READY = "ready", "Ready"
        FAILED = "failed", "Could not be made"

    key = models.SlugField(max_length=48, unique=True)
    name = models.CharField(max_length=63, validators=[RegexValidator(NAME)])
    owner = models.CharField(max_length=64)
    owner_name = models.CharField(max_length=200, blank=True)
    type = models.CharField(max_length=32)
    branch = models.CharField(max_length=100, default="main")
    state = models.CharField(max_length=8, choices=State.choices, default=State.MAKING)
    network = models.BooleanField(default=False, help_text="Its commands may use the network.")
    archived = models.BooleanField(default=False, help_text="Kept, but nobody works on it.")
    settings = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """By name; one of each name for an owner."""

        ordering = ["name", "id"]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="project_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"project:{self.key}"


class ProjectMember(models.Model):
    """What somebody beside the owner may do in a project."""

    class Role(models.TextChoices):
        """Each includes the ones before it."""

        VIEWER = "viewer", "Viewer"
        DEVELOPER = "developer", "Developer"
        MAINTAINER = "maintainer", "Maintainer"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="members")
    subject = models.CharField(max_length=64, db_index=True)
    name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.DEVELOPER)
    added_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row for a person in a project."""

        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project", "subject"], name="project_member_once")]

    def __str__(self) -> str:
        return f"{self.name or self.subject} ({self.role})"


class CurrentProject(models.Model):
    """The project that somebody's commands in a chat are about."""

    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="current_projects")
    subject = models.CharField(max_length=64)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="current_in")
    chosen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One for a person in a chat."""

        constraints = [models.UniqueConstraint(fields=["session", "subject"], name="current_project_once")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.project_id}"


class ProjectWatch(models.Model):
    """A chat that gets a project's news."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="watches")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="project_watches")
    created_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """A chat watches a project once."""

        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["project", "session"], name="project_watch_once")]

    def __str__(self) -> str:
        return f"{self.project_id} in {self.session_id}"


class ProjectTurn(models.Model):
    """A job that changes a project, or waits to. The one that is `held` works; the constraint knows no second."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="turns")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="project_turn")
    held = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The oldest job first."""

        ordering = ["job_id"]
        constraints = [
            models.UniqueConstraint(fields=["project"], name="project_turn_held_once", condition=models.Q(held=True)),
        ]

    def __str__(self) -> str:
        return f"{self.project_id}: job {self.job_id}{' (held)' if self.held else ''}"


class Operation(models.Model):
    """One change of a project's branch: from which commit to which, by whom, and in a line what it was."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="operations")
    kind = models.CharField(max_length=32)
    sha = models.CharField(max_length=64)
    before = models.CharField(max_length=64, blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="operations")
    actor = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200, blank=True)
    summary = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """Newest first, of one project."""

        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "-id"], name="operation_of_project")]

    def __str__(self) -> str:
        return f"{self.kind} {self.sha[:8]}"
