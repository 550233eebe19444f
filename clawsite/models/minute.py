"""What happened in each minute, in numbers, for the dashboard. Bounded, however much happens."""

from __future__ import annotations

from django.db import models


class Minute(models.Model):
    """One minute that is over. `data` has what `clawsite.ops.minutes` found; a number that was not known is missing."""

    at = models.DateTimeField(primary_key=True, help_text="Its beginning.")
    data = models.JSONField(default=dict)

    class Meta:
        """Oldest first, as a chart is drawn."""

        ordering = ["at"]

    def __str__(self) -> str:
        return self.at.isoformat()
