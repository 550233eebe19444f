"""Where a project's releases go, what was brought there, and who keeps others from it meanwhile."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.utils import timezone

from runbooks.models.job import Job
from runbooks.models.project import Project


class Environment(models.Model):
    """One environment of a project, made when claw.yaml names it.

    `host` are the programs that its commands may run outside of the sandbox, `url` is the address below which its
    health may be asked for even where it is private. Only admins change these two.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="environments")
    name = models.CharField(max_length=32)
    position = models.PositiveSmallIntegerField(default=0)
    url = models.CharField(
        max_length=500,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Health may be asked for at this host even where its address is private.",
    )
    host = models.JSONField(
        default=list, blank=True, help_text="Programs that its commands may run outside of the sandbox."
    )
    frozen = models.BooleanField(default=False, help_text="Nothing is deployed; going back stays possible.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """In the order of claw.yaml."""

        ordering = ["project", "position", "id"]
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="environment_once")]

    def __str__(self) -> str:
        return f"{self.project.name} {self.name}"

    def clean(self) -> None:
        """Programs are a list of names: in a text, each part of it would count as one."""
        if not isinstance(self.host, list) or not all(isinstance(each, str) and each for each in self.host):
            raise ValidationError({"host": 'Enter a list of programs, such as ["systemctl"].'})

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"environment:{self.project.key}/{self.name}"


class EnvironmentLock(models.Model):
    """Somebody keeps others from deploying to an environment, and says why."""

    environment = models.OneToOneField(Environment, on_delete=models.CASCADE, related_name="lock")
    owner = models.CharField(max_length=64)
    owner_name = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=200)
    since = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.environment}: {self.owner_name or self.owner}"


class Deploy(models.Model):
    """One commit on its way to an environment, there, or gone from it.

    `before` is the commit that was there when this one began, which a failure goes back to. `previous` is what a
    rollback goes back to: what was live when this one came; for a rollback, what was live before its target.
    """

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        LIVE = "live", "Live"
        REPLACED = "replaced", "Replaced by a later one"
        WITHDRAWN = "withdrawn", "Was live, and was rolled back"
        ROLLED_BACK = "rolled_back", "Failed; what was there before is back"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        """Forward or back."""

        DEPLOY = "deploy", "Deploy"
        ROLLBACK = "rollback", "Rollback"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="deploys")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="deploys")
    job = models.OneToOneField(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="deploy")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.DEPLOY)
    commit = models.CharField(max_length=64)
    ref = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    before = models.CharField(max_length=64, blank=True)
    previous = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="followed_by")
    changes = models.JSONField(default=list, blank=True)
    requested_by = models.CharField(max_length=64)
    requested_name = models.CharField(max_length=200, blank=True)
    approved_by = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)

    class Meta:
        """Newest first; one is live in an environment. Who is at work there and what was live is found by the state."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["environment"], name="deploy_live_once", condition=models.Q(state="live")),
        ]
        indexes = [
            models.Index(fields=["environment", "-id"], name="deploy_of_environment"),
            models.Index(fields=["environment", "state", "commit"], name="deploy_by_state"),
            models.Index(fields=["finished_at"], name="deploy_finished", condition=models.Q(finished_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.environment} {self.commit[:8]}"


class CommitCheck(models.Model):
    """A command of claw.yaml that passed on a commit; `digest` stands for the command."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="checks")
    commit = models.CharField(max_length=64)
    name = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """One row for a check of a commit."""

        constraints = [
            models.UniqueConstraint(fields=["project", "commit", "name"], name="commit_check_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.commit[:8]}"
