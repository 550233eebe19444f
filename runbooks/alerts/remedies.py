"""The runbooks that fit a group, for the buttons of its message."""

from __future__ import annotations

from runbooks.books import matching
from runbooks.models import AlertGroup


def find_remedies(group: AlertGroup) -> list[str]:
    """Return the names of the runbooks whose labels fit a group's."""
    return [row.name for row in matching(group.group_labels | group.labels)]
