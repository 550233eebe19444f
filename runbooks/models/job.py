"""One durable unit of long work, and what happened in it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from sessions_app.models import Session


def new_key() -> str:
    """Return the public id of a new job: it cannot be guessed."""
    return uuid.uuid4().hex


class JobQuerySet(models.QuerySet["Job"]):
    """Where jobs run."""

    def here(self) -> JobQuerySet:
        """Return those that this installation's own workers run."""
        return self.filter(target="")

    def elsewhere(self) -> JobQuerySet:
        """Return those that another gateway runs."""
        return self.exclude(target="")


class Job(models.Model):
    """Who runs it holds the lease `job:<pk>`; `token` is that lease's, and only its bearer may write here.

    `attempts` counts the beginnings since the job last parked, before the work. `deadline` is when the running or
    waiting is over by force. `saved` is what the job's own code keeps to go on after a pause or a crash.

    With a `target`, another gateway runs it and the dispatcher mirrors it here: `remote_seq` is the last event that
    was taken over, `remote_open` that there may be a job over there that has not ended.
    """

    class State(models.TextChoices):
        """Where it stands. The last four are ends, which nothing leaves."""

        CREATED = "created", "Created"
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING_APPROVAL = "waiting_approval", "Waiting for approval"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        TIMED_OUT = "timed_out", "Timed out"

    key = models.CharField(max_length=32, unique=True, default=new_key, editable=False)
    kind = models.CharField(max_length=64)
    params = models.JSONField(default=dict, blank=True)
    requested_by = models.CharField(max_length=64)
    owner = models.CharField(max_length=64)
    session = models.ForeignKey(Session, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs")
    idempotency_key = models.CharField(max_length=128, blank=True)
    trace_id = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",  # the version before this one makes jobs while it hands over
        help_text="What it was ordered in; its log lines have it.",
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.CREATED)
    result = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    saved = models.JSONField(default=dict, blank=True)
    may_resume = models.BooleanField(default=False, help_text="It saved enough to go on after a crash.")
    attempts = models.PositiveSmallIntegerField(default=0)
    token = models.BigIntegerField(default=0)
    last_seq = models.PositiveIntegerField(default=0)
    event_bytes = models.BigIntegerField(default=0, help_text="The size of what it emitted.")
    cancel_requested = models.BooleanField(default=False)
    target = models.CharField(max_length=64, blank=True, help_text="The gateway that runs it; empty: this one.")
    remote_id = models.CharField(max_length=128, blank=True)
    remote_seq = models.PositiveIntegerField(default=0)
    remote_open = models.BooleanField(default=False, help_text="It may be at work on the other gateway.")
    selection = models.JSONField(default=dict, blank=True, help_text="What the gateway must have; empty: it was named.")
    created_at = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last told to run it.")
    started_at = models.DateTimeField(null=True, blank=True)
    deadline = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        """The lists of one owner and of all; what is due, runs, waits or ended, each without looking at the rest."""

        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "idempotency_key"],
                name="job_once",
                condition=~models.Q(idempotency_key=""),
            ),
            models.CheckConstraint(
                name="job_ended_when_over",
                condition=models.Q(state__in=["succeeded", "failed", "cancelled", "timed_out"], ended_at__isnull=False)
                | models.Q(state__in=["created", "queued", "running", "waiting_approval"], ended_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="job_of_owner"),
            models.Index(fields=["owner", "state", "-id"], name="job_of_owner_by_state"),
            models.Index(fields=["owner", "kind", "-id"], name="job_of_owner_by_kind"),
            models.Index(fields=["state", "-id"], name="job_by_state"),
            models.Index(fields=["kind", "-id"], name="job_by_kind"),
            models.Index(fields=["not_before", "id"], name="job_due", condition=models.Q(state="queued")),
            models.Index(
                fields=["deadline"],
                name="job_open_deadline",
                condition=models.Q(state__in=["queued", "running", "waiting_approval"]),
            ),
            models.Index(fields=["ended_at"], name="job_ended", condition=models.Q(ended_at__isnull=False)),
            models.Index(fields=["target", "id"], name="job_sent_away", condition=models.Q(remote_open=True)),
            models.Index(
                fields=["target", "id"], name="job_to_send", condition=models.Q(state="queued") & ~models.Q(target="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key[:8]} ({self.state})"

    @property
    def lease(self) -> str:
        """The name of the lease under which it runs."""
        return f"job:{self.pk}"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"job:{self.key}"

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.state in ENDS


ENDS = frozenset({Job.State.SUCCEEDED, Job.State.FAILED, Job.State.CANCELLED, Job.State.TIMED_OUT})


class JobEvent(models.Model):
    """One thing that happened in a job. Numbers have no gap, and a lower one is always committed first."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=64)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The constraint's index serves the readers: a job's events after a number."""

        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["job", "seq"], name="job_event_once")]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"
