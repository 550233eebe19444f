"""What is wrong, how badly, who sees to it, and everything that happened meanwhile."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.system import MonitoredSystem
from sessions_app.models import Session


class IncidentQuerySet(models.QuerySet["Incident"]):
    """The lists that people ask for."""

    def open(self) -> IncidentQuerySet:
        """Return those that are not over."""
        return self.filter(state=Incident.State.OPEN)

    def worst_first(self) -> IncidentQuerySet:
        """Return them by severity, of equal ones the newest first."""
        return self.order_by("severity", "-id")


class Incident(models.Model):
    """One thing that went wrong. People call it by its number; `last_seq` is the number of its last event.

    Names are kept beside subjects, because a timeline says who it was then, whatever became of the person since.
    """

    class Severity(models.TextChoices):
        """How bad it is, worst first."""

        P1 = "P1", "P1"
        P2 = "P2", "P2"
        P3 = "P3", "P3"
        P4 = "P4", "P4"

    class State(models.TextChoices):
        """Whether it is over."""

        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"

    title = models.CharField(max_length=200)
    severity = models.CharField(max_length=2, choices=Severity.choices, default=Severity.P3)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    system = models.ForeignKey(
        MonitoredSystem, null=True, blank=True, on_delete=models.SET_NULL, related_name="incidents"
    )
    opened_by = models.CharField(max_length=64)
    opened_by_name = models.CharField(max_length=100, blank=True)
    assignee = models.CharField(max_length=64, blank=True)
    assignee_name = models.CharField(max_length=100, blank=True)
    sessions = models.ManyToManyField(Session, blank=True, related_name="incidents", help_text="Who sees its card.")
    last_seq = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(default=timezone.now)
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When somebody first took it.")
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        """The open ones by severity, and what was opened or resolved in a time."""

        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="incident_resolved_when_over",
                condition=models.Q(state="resolved", resolved_at__isnull=False)
                | models.Q(state="open", resolved_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(fields=["severity", "-id"], name="incident_open", condition=models.Q(state="open")),
            models.Index(fields=["opened_at"], name="incident_opened"),
            models.Index(fields=["resolved_at"], name="incident_resolved", condition=models.Q(state="resolved")),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def number(self) -> str:
        """The number as people write it."""
        return f"INC-{self.pk}"

    @property
    def ref(self) -> str:
        """The string by which the audit log names it."""
        return f"incident:{self.pk}"

    @property
    def is_open(self) -> bool:
        """Whether it is not over."""
        return self.state == self.State.OPEN


class IncidentEvent(models.Model):
    """One thing that happened in an incident. Numbers have no gap, and a lower one is always committed first.

    `ref` names what it tells of (`alert:12`, `run:7`): of one thing the same is told once. `at` is when it happened.
    """

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    text = models.TextField(blank=True)
    actor = models.CharField(max_length=64, blank=True)
    actor_name = models.CharField(max_length=100, blank=True)
    ref = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        """The first constraint's index serves the readers of a timeline."""

        ordering = ["incident", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "seq"], name="incident_event_once"),
            models.UniqueConstraint(
                fields=["incident", "kind", "ref"], name="incident_event_of_ref_once", condition=~models.Q(ref="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.kind}"
