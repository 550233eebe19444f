"""Runs of the pipeline that are not over."""

from __future__ import annotations

from django.db.models import QuerySet

from clawsite.core.sql import as_written
from sessions_app.models import Turn

_IS_OPEN = as_written("sessions_app_turn.state IN ('running', 'parked')")


def open_turns() -> QuerySet[Turn]:
    """Return what runs or waits for a decision: a look at an index of these, however many there have been."""
    return Turn.objects.filter(_IS_OPEN)
