"""What an operator wrote to be done, step by step, and each time it was done."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from runbooks.models.job import Job
from sessions_app.models import Session


class Runbook(models.Model):
    """An ordered list of steps with parameters. The same as its YAML: `books.store` turns one into the other.

    `version` grows with each change. `target` names what a run works on, with parameters in it; while a run works on
    something, no other run may.
    """

    class RoleChoice(models.TextChoices):
        """The least role that may run it."""

        OPERATOR = "operator", "Operator"
        ADMIN = "admin", "Admin"

    name = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    enabled = models.BooleanField(default=True)
    role = models.CharField(max_length=8, choices=RoleChoice.choices, default=RoleChoice.OPERATOR)
    target = models.CharField(
        max_length=200, blank=True, help_text="What a run works on, such as {system}. Empty: the runbook itself."
    )
    labels = models.JSONField(default=dict, blank=True, help_text="It fits alerts that have all of these labels.")
    rollback_on_cancel = models.BooleanField(
        default=False, help_text="A run that is cancelled undoes the steps that were done."
    )
    parameters = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        """By name."""

        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"runbook:{self.name}"


class RunbookStep(models.Model):
    """One step. What it does is in `settings`, whose shape depends on the kind."""

    class OnFailure(models.TextChoices):
        """What a failure of the step leads to."""

        ROLLBACK = "rollback", "Roll back and stop"
        STOP = "stop", "Stop"
        CONTINUE = "continue", "Go on"

    class Kind(models.TextChoices):
        """What sort of step it is."""

        COMMAND = "command", "Command"
        HTTP = "http", "HTTP request"
        WAIT = "wait", "Wait"
        PROMETHEUS = "prometheus", "Prometheus query"
        APPROVAL = "approval", "Approval"
        MESSAGE = "message", "Message"
        RUNBOOK = "runbook", "Another runbook"

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField(default=1)
    title = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.COMMAND)
    settings = models.JSONField(default=dict, blank=True)
    timeout = models.FloatField(default=60.0, validators=[MinValueValidator(0.1), MaxValueValidator(86_400)])
    retries = models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(20)])
    pause = models.FloatField(default=2.0, validators=[MinValueValidator(0), MaxValueValidator(600)])
    repeatable = models.BooleanField(null=True, blank=True, help_text="Empty: as its kind has it.")
    host = models.JSONField(
        default=list, blank=True, help_text="The programs it may run outside of the sandbox; only admins change this."
    )
    on_failure = models.CharField(max_length=8, choices=OnFailure.choices, default=OnFailure.ROLLBACK)
    rollback = models.JSONField(null=True, blank=True, help_text="A step that undoes this one.")

    class Meta:
        """In their order."""

        ordering = ["runbook", "position", "id"]

    def __str__(self) -> str:
        return f"{self.position}. {self.title}"


class Run(models.Model):
    """One run. Its job has the state and what became of each step; `plan` is exactly what runs, made when it began.

    While `open`, no other run works on the same target. `digest` stands for the plan and is what approvals are bound
    to. A dry run takes no target.
    """

    runbook = models.ForeignKey(Runbook, null=True, on_delete=models.SET_NULL, related_name="runs")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, related_name="run")
    name = models.CharField(max_length=64)
    title = models.CharField(max_length=120)
    version = models.PositiveIntegerField(default=1)
    target = models.CharField(max_length=200)
    open = models.BooleanField(default=True)
    dry_run = models.BooleanField(default=False)
    parameters = models.JSONField(default=dict, blank=True)
    plan = models.JSONField(default=list)
    digest = models.CharField(max_length=64)
    requested_by = models.CharField(max_length=64)
    requested_name = models.CharField(max_length=200, blank=True)
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="runs")
    group_id = models.BigIntegerField(null=True, blank=True, help_text="The alert group it was started for.")
    undoes = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="undone_by",
        help_text="The run whose finished steps this one rolls back.",
    )  # fmt: skip
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The constraint is what keeps a second run away from a target."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["target"], name="run_of_target_once", condition=models.Q(open=True)),
        ]
        indexes = [
            models.Index(fields=["name", "-id"], name="run_by_name"),
            models.Index(fields=["group_id"], name="run_of_group", condition=models.Q(group_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.name} #{self.pk}"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"run:{self.pk}"
