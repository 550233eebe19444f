"""The runbooks that fit a group, for the buttons of its message: its author names one, or labels fit."""

from __future__ import annotations

from django.db import DatabaseError

from clawsite.core.errors import log_unknown
from runbooks.books import find_runbook, matching
from runbooks.models import AlertGroup


def find_remedies(group: AlertGroup) -> list[str]:
    """Return the names of the runbooks that fit, the one that the alert's annotation names first.

    An alert is never held up by what is wrong with a runbook.
    """
    try:
        return _find(group)
    except DatabaseError:
        raise
    except Exception as error:
        log_unknown(error, where="the runbooks of an alert")
        return []


def _find(group: AlertGroup) -> list[str]:
    fitting = [row.name for row in matching(group.group_labels | group.labels)]
    named = find_runbook(group.annotations.get("runbook", ""))
    first = [named.name] if named is not None and named.enabled else []
    return list(dict.fromkeys([*first, *fitting]))
