"""Runs of the pipeline, and the tool calls inside them."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from sessions_app.models.inbox import Inbox
from sessions_app.models.session import Session


class Turn(models.Model):
    """One run of the pipeline for one inbox row, over all its attempts."""

    class State(models.TextChoices):
        """Where the run stands."""

        RUNNING = "running", "Running"
        PARKED = "parked", "Waiting for a decision"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    inbox = models.OneToOneField(Inbox, on_delete=models.CASCADE, related_name="turn")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="turns")
    state = models.CharField(max_length=9, choices=State.choices, default=State.RUNNING)
    epoch = models.PositiveIntegerField(help_text="The session's epoch when the turn began.")
    user_seq = models.PositiveIntegerField(null=True, help_text="The message being answered.")
    attempt = models.PositiveSmallIntegerField(default=1)
    draft = models.TextField(blank=True, help_text="The answer so far, saved every second or two.")
    preview_ids = models.JSONField(default=list, blank=True, help_text="Platform ids of the streamed message.")
    cancel_requested = models.BooleanField(default=False)
    tainted = models.BooleanField(default=False, help_text="Untrusted text with an injection hit was read.")
    agent_state = models.JSONField(default=dict, blank=True, help_text="Messages since the user's, while parked.")
    report = models.JSONField(default=dict, blank=True, help_text="Layers, tokens and what was trimmed.")
    stages = models.JSONField(default=dict, blank=True, help_text="Milliseconds by stage.")
    model = models.CharField(max_length=100, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=10, decimal_places=6, default=0)
    outcome = models.CharField(max_length=64, blank=True, help_text="answer, command, refused, error code, ...")
    trace_id = models.CharField(max_length=32, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """The index on the day serves the budget of the day; the partial ones /stop and the web chat, and /health."""

        ordering = ["-id"]
        indexes = [
            models.Index(fields=["finished_at"], name="turn_finished"),
            models.Index(fields=["session"], name="turn_open", condition=models.Q(state__in=["running", "parked"])),
            models.Index(fields=["id"], name="turn_command", condition=models.Q(outcome="command")),
        ]

    def __str__(self) -> str:
        return f"turn {self.pk} ({self.state})"


class ToolCall(models.Model):
    """One tool call of a turn or a job. Committed before the tool runs, so that a crash is not run again blindly."""

    class State(models.TextChoices):
        """What became of the call."""

        INTENT = "intent", "About to run"
        WAITING = "waiting", "Waiting for a decision"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        REFUSED = "refused", "Refused"

    turn = models.ForeignKey(Turn, null=True, blank=True, on_delete=models.CASCADE, related_name="tool_calls")
    job_key = models.CharField(max_length=32, blank=True, help_text="The job that called it, where it was no turn.")
    call_id = models.CharField(max_length=100, help_text="The model's tool_use id.")
    tool = models.CharField(max_length=64)
    arguments = models.JSONField(default=dict)
    arguments_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=State.choices, default=State.INTENT)
    result = models.TextField(blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """A call id runs once in its turn or job."""

        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["turn", "call_id"], name="tool_call_once"),
            models.UniqueConstraint(
                fields=["job_key", "call_id"], name="tool_call_of_job_once", condition=~models.Q(job_key="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} ({self.state})"
