"""Whether somebody wants to hear of a group: one of its alerts must be bad enough and have labels that fit.

The alerts of a group share only some of their labels, so each is looked at by its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

from runbooks.alerts.matching import find_matcher_mistake, parse_matcher
from runbooks.alerts.severity import is_at_least
from runbooks.models import AlertGroup


class Fitting:
    """Compares one group with many wishes. Its alerts are read once, and only where labels matter."""

    def __init__(self, group: AlertGroup) -> None:
        self._group = group

    def is_for(self, *, system_id: int | None, least: str, matchers: Sequence[str]) -> bool:
        """Tell whether the group is of this system (None: any) and has an alert that fits. What cannot be read never
        fits."""
        if system_id is not None and system_id != self._group.system_id:
            return False
        if not is_at_least(self._group.severity, least) or find_matcher_mistake(matchers):
            return False
        wanted = [parse_matcher(text) for text in matchers]
        return not wanted or any(
            is_at_least(severity, least) and all(matcher.fits(labels) for matcher in wanted)
            for severity, labels in self._alerts
        )

    @cached_property
    def _alerts(self) -> list[tuple[str, Mapping[str, str]]]:
        """Severity and labels of each alert that fires."""
        firing = self._group.alerts.filter(state=AlertGroup.State.FIRING)
        shared = self._group.group_labels | self._group.labels
        return [(severity, shared | labels) for severity, labels in firing.values_list("severity", "labels")]
