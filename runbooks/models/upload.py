"""Files that people sent to a chat and that wait to be put into its project."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from runbooks.models.project import Project
from sessions_app.models import Channel, Session


class Upload(models.Model):
    """One file. Nothing of it is written anywhere before somebody said where; `batch` are files sent together.

    `ref` is what the channel knows it by, `path` where it lies in the project.
    """

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", "Waiting"
        STORING = "storing", "Being stored"
        STORED = "stored", "Stored"
        EXISTS = "exists", "Something is there already"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="uploads")
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="project_uploads")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="+")
    batch = models.PositiveBigIntegerField(default=0, db_index=True)
    subject = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    size = models.BigIntegerField(default=0)
    ref = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    path = models.CharField(max_length=500, blank=True)
    archive = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        """In the order in which they came."""

        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"
